/** A pending timer of a {@link Clock}; opaque to its holder. */
export type TimerHandle = unknown;

/**
 * Time as a port. The daemon passes the real one, tests and the simulator a virtual one. Its timer half has the shape
 * xstate wants for `createActor(logic, { clock })`, so statechart delays obey it too.
 */
export interface Clock {
  /** Wall-clock milliseconds since the epoch: for what is shown, stored or compared across processes. */
  now(): number;
  /** Milliseconds from an arbitrary start that never step backwards: for durations. */
  monotonic(): number;
  setTimeout(fn: () => void, delayMs: number): TimerHandle;
  clearTimeout(handle: TimerHandle): void;
}
