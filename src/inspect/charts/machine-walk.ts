/** What every picture and export asks of a machine: its states in document order, its transitions, and names for them. */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** The machine itself first. */
export function statesOf({ root }: AnyStateMachine): AnyStateNode[] {
  return [root, ...descendantsOf(root)];
}

function descendantsOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Eventless ones last. */
export function transitionsOf(node: AnyStateNode): AnyTransitionDefinition[] {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
}

/** The nearest first. */
export function ancestorsOf(node: AnyStateNode): AnyStateNode[] {
  return node.parent === undefined ? [] : [node.parent, ...ancestorsOf(node.parent)];
}

export function isComposite({ type }: AnyStateNode): boolean {
  return type === 'compound' || type === 'parallel';
}

/** Who owns the thing the chart is about while it is in this state; '' if the chart does not say. */
export function ownerOf({ meta }: AnyStateNode): string {
  const owner: unknown =
    typeof meta === 'object' && meta !== null && 'owner' in meta ? meta.owner : undefined;
  return typeof owner === 'string' ? owner : '';
}

/** Names of actions, in whichever way xstate lets them be written. What xstate adds by itself for delays is left out. */
export function actionNamesOf(value: unknown): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((one) => actionNamesOf(one));
  if (typeof value === 'string') return [value];
  const type: unknown =
    (typeof value === 'object' || typeof value === 'function') && value !== null && 'type' in value
      ? value.type
      : undefined;
  if (typeof type !== 'string') return ['inline'];
  return type === 'xstate.raise' || type === 'xstate.cancel' ? [] : [type];
}

/** A guard in words; '' for none. */
export function guardTextOf(guard: unknown): string {
  if (guard === undefined) return '';
  if (typeof guard === 'string') return guard;
  if (typeof guard === 'function' && 'guards' in guard && Array.isArray(guard.guards)) {
    const parts = guard.guards.map((one) => guardTextOf(one));
    return guard.name === 'not' ? `not ${parts.join()}` : parts.join(guard.name === 'or' ? ' or ' : ' and ');
  }
  if (typeof guard === 'object' && guard !== null && 'type' in guard) return String(guard.type);
  return 'inline';
}

export type TransitionKind = 'event' | 'after' | 'always' | 'done' | 'failed' | 'changed';

/** What sets a transition off: an event, a time, or what becomes of invoked logic or of the states inside. */
export function causeOf(transition: AnyTransitionDefinition): { kind: TransitionKind; text: string } {
  const { eventType } = transition;
  const delay: unknown = 'delay' in transition ? transition.delay : undefined;
  if (typeof delay === 'number') return { kind: 'after', text: durationOf(delay) };
  if (typeof delay === 'string') return { kind: 'after', text: delay };
  if (eventType === '') return { kind: 'always', text: '' };
  if (eventType.startsWith('xstate.done.state.')) return { kind: 'done', text: '' };
  const [, what, id] = /^xstate\.(done\.actor|error\.actor|snapshot)\.(.*)$/.exec(eventType) ?? [];
  if (id === undefined) return { kind: 'event', text: eventType };
  return { kind: what === 'done.actor' ? 'done' : what === 'snapshot' ? 'changed' : 'failed', text: id };
}

function durationOf(ms: number): string {
  if (ms >= 60_000 && ms % 60_000 === 0) return `${ms / 60_000} min`;
  return ms >= 1_000 && ms % 100 === 0 ? `${ms / 1_000} s` : `${ms} ms`;
}
