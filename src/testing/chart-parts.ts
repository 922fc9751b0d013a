/** The parts a machine is made of, and the names they refer to. */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';

export function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((child) => nodesOf(child))];
}

/** Transitions on events, and those without one. */
export function transitionsOf(node: AnyStateNode): AnyTransitionDefinition[] {
  return [...node.transitions.values(), node.always ?? []].flat();
}

/** A transition, for people: where, on what, to where. */
export function tellTransition({ source, eventType, target }: AnyTransitionDefinition): string {
  const of = (id: string) => id.slice(source.machine.id.length + 1) || source.machine.id;
  const to = target?.map(({ id }) => of(id)).join(', ') ?? 'stays';
  return `${of(source.id)} on ${tellEvent(eventType, source.id)} → ${to}`;
}

function tellEvent(type: string, sourceId: string): string {
  if (type === '') return 'nothing';
  const [, kind = '', ...rest] = type.split('.');
  if (!type.startsWith('xstate.')) return type;
  const name = rest.join('.');
  if (kind === 'after') return `after ${name.slice(0, -sourceId.length - 1)}`;
  return `${kind} ${name.replace(/^actor\./, '')}`;
}

/** Names that a part of a chart refers to: actions, guards with what they combine, sources of invokes. */
export function namesIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap((one) => namesIn(one));
  const guards =
    (typeof value === 'object' || typeof value === 'function') && value !== null && 'guards' in value
      ? namesIn(value.guards)
      : [];
  const named =
    typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
  return named ? [value.type as string, ...guards] : guards;
}

export type PartKind = 'actions' | 'guards' | 'delays' | 'actors';

/** All names a machine's states and transitions use. */
export function usedNames(machine: AnyStateMachine): Readonly<Record<PartKind, ReadonlySet<string>>> {
  const used = {
    actions: new Set<string>(),
    guards: new Set<string>(),
    delays: new Set<string>(),
    actors: new Set<string>(),
  };
  const note = (kind: PartKind, value: unknown) => namesIn(value).forEach((name) => used[kind].add(name));
  for (const node of nodesOf(machine.root)) {
    note('actions', node.config.entry);
    note('actions', node.config.exit);
    if (node.type === 'compound') note('actions', node.initial.actions);
    for (const transition of transitionsOf(node)) {
      note('actions', transition.actions);
      note('guards', transition.guard);
    }
    for (const delay of Object.keys(node.config.after ?? {}))
      if (Number.isNaN(Number(delay))) used.delays.add(delay);
    for (const { src } of node.invoke) note('actors', src);
  }
  return used;
}
