/** The numbers of this folder. Defaults follow OTP where it has one. */
export const supervisorLimits = {
  /** Restarts a supervisor allows within `periodMs` when its options say nothing. */
  intensity: 1,
  periodMs: 5_000,
  /** What a worker gets between `stop.requested` and being stopped. */
  shutdownMs: 5_000,
  /** How long a child with `ready: 'tag'` may take. */
  readyMs: 30_000,
  /** Children of an ordered supervisor: more are a population and belong under a DynamicSupervisor. */
  orderedChildrenMax: 100,
  /** An observer that threw this often is unplugged. */
  observerFailuresMax: 10,
  /** Slots of the deadline wheel; a deadline further away than slots × tick is looked at once a turn. */
  wheelSlots: 512,
} as const;
