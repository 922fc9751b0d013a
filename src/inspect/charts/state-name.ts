/**
 * Reads the name of a state as transitions tell it: `a.b` for nested states, `(x.y|z)` for regions side by side; and says which
 * states of the chart are then active, and which edge was taken to get there.
 */
import type { ChartGraph } from './chart-graph.ts';

/** Ids of all active states, the machine's own first. */
export function activeStates(machine: string, name: string): string[] {
  return name === '' ? [] : [machine, ...below(machine, name)];
}

function below(prefix: string, name: string): string[] {
  if (name.startsWith('(') && name.endsWith(')')) {
    return sideBySide(name.slice(1, -1)).flatMap((one) => below(prefix, one));
  }
  const dot = name.indexOf('.');
  if (dot < 0) return [`${prefix}.${name}`];
  const id = `${prefix}.${name.slice(0, dot)}`;
  return [id, ...below(id, name.slice(dot + 1))];
}

/** Parts between the bars that are in no further bracket. */
function sideBySide(text: string): string[] {
  const parts: string[] = [];
  let [depth, begin] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')') depth--;
    else if (text[at] === '|' && depth === 0) {
      parts.push(text.slice(begin, at));
      begin = at + 1;
    }
  }
  return [...parts, text.slice(begin)];
}

/** Ids of the edges that an event can have taken between two states. */
export function takenEdges(
  graph: ChartGraph,
  step: { readonly event: string; readonly from: string; readonly to: string },
): string[] {
  const before = new Set(activeStates(graph.id, step.from));
  const after = new Set(activeStates(graph.id, step.to));
  return graph.edges
    .filter(
      ({ source, target, transitions }) =>
        before.has(source) &&
        after.has(target) &&
        (!before.has(target) || !after.has(source)) &&
        transitions.some(({ kind, text }) => isCause(kind, text, step.event)),
    )
    .map(({ id }) => id);
}

function isCause(kind: string, text: string, event: string): boolean {
  if (kind === 'event') return event === text;
  if (kind === 'after') return event.startsWith('xstate.after.');
  if (kind === 'done') return event === `xstate.done.actor.${text}` || event.startsWith('xstate.done.state.');
  if (kind === 'failed') return event === `xstate.error.actor.${text}`;
  return kind === 'always';
}

/** An event as people read it. */
export function eventText(event: string): string {
  const [, what, rest = ''] =
    /^xstate\.(done\.actor|error\.actor|done\.state|after|init)\.?(.*)$/.exec(event) ?? [];
  switch (what) {
    case 'done.actor':
      return `${rest} done`;
    case 'error.actor':
      return `${rest} failed`;
    case 'done.state':
      return 'all done';
    case 'after':
      return `after ${rest.split('.')[0] ?? ''}`;
    case 'init':
      return 'began';
    default:
      return event;
  }
}

/** What changed between two states: only the leaves that differ. */
export function changeText(from: string, to: string): string {
  if (from === '') return leafText(to);
  const [before, after] = [leaves(from), leaves(to)];
  const left = before.filter((leaf) => !after.includes(leaf));
  const entered = after.filter((leaf) => !before.includes(leaf));
  // Of a whole that was left, its name says enough.
  const short = (all: readonly string[], name: string) =>
    all.length > 2 ? (name.split('.')[0] ?? name) : all.join(', ');
  return left.length + entered.length === 0
    ? 'entered again'
    : `${short(left, from)} → ${short(entered, to)}`;
}

function leaves(name: string): string[] {
  const ids = below('', name).map((id) => id.slice(1));
  return ids.filter((id) => !ids.some((other) => other.startsWith(`${id}.`)));
}

export function leafText(name: string): string {
  return name.replaceAll('.(', ': ').replaceAll(/[()]/g, '').replaceAll('|', ' · ');
}
