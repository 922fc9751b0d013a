/**
 * Seeing statecharts move: the flight recorder and the metrics get one small record per change of state. Payloads are
 * never passed on, so no secret can leave this way.
 */
import { type InspectionEvent, StateMachine, type StateValue } from 'xstate';

export interface ObservedTransition {
  readonly actorId: string;
  /** The machine's `id`. */
  readonly machine: string;
  /** Empty for the first state of a life. */
  readonly from: string;
  readonly to: string;
  /** The event's type. */
  readonly event: string;
}

export type TransitionObserver = (transition: ObservedTransition) => void;

/** What `createActor` takes as `inspect`. */
export type ActorInspector = (event: InspectionEvent) => void;

/** The name of a state value: `a.b` for nested states, `a.(x.y|z.w)` for parallel ones. */
export function stateName(value: StateValue): string {
  if (typeof value === 'string') return value;
  const parts: string[] = [];
  for (const [key, inner] of Object.entries(value)) {
    const name = inner === undefined ? '' : stateName(inner);
    parts.push(name === '' ? key : `${key}.${name}`);
  }
  return parts.length > 1 ? `(${parts.join('|')})` : (parts[0] ?? '');
}

/**
 * An inspector for root actors that tells `observe` of each change of state of machines (of the named ones, if
 * `machines` is given), also of machines they invoke. Logic of other kinds is not looked at; compiled machines report
 * their own transitions. `observe` must not throw.
 */
export function inspectorOf(
  observe: TransitionObserver,
  machines: ReadonlySet<string> | undefined,
): ActorInspector {
  const last = new WeakMap<WeakKey, { value: StateValue; name: string }>();
  return (inspection) => {
    if (inspection.type !== '@xstate.snapshot') return;
    const actor = inspection.actorRef;
    const { id, logic } = actor as unknown as { readonly id: string; readonly logic?: unknown };
    if (!(logic instanceof StateMachine)) return;
    if (machines !== undefined && !machines.has(logic.id)) return;
    const { value } = inspection.snapshot as unknown as { readonly value: StateValue };
    const known = last.get(actor);
    if (known?.value === value) return;
    const name = stateName(value);
    if (known?.name === name) return;
    last.set(actor, { value, name });
    observe({
      actorId: id,
      machine: logic.id,
      from: known?.name ?? '',
      to: name,
      event: inspection.event.type,
    });
  };
}
