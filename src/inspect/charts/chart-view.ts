/**
 * Which edges a picture shows. The full view draws every edge where it is. The lifted view draws an edge that crosses the
 * border of a composite from that border, so each level of the chart can be read, and laid out, by itself; where an edge
 * really begins or ends is then said in its label.
 *
 * V1. Every edge of the graph is in an edge of the view (`of`), so what happened in an actor can be shown in
 *     either view.
 * V2. In the lifted view both ends of an edge are children of the same state (`level`).
 * V3. What every state of a level does alike is drawn once, from `any state`; so are the edges of a composite to its inside.
 */
import type { ChartEdge, ChartGraph, ChartState, ChartTransition } from './chart-graph.ts';

export type ChartView = 'lifted' | 'full';

export interface ViewEdge {
  readonly id: string;
  /** The composite in which it is drawn; in the full view the machine. */
  readonly level: string;
  /** A state; with `anywhere` the composite, any state of which may be meant. */
  readonly source: string;
  readonly anywhere: boolean;
  readonly target: string;
  /** Ids of the edges of the graph it stands for. */
  readonly of: readonly string[];
  readonly transitions: readonly ViewTransition[];
}

export interface ViewTransition extends ChartTransition {
  /** The state inside the source in which it is taken. */
  readonly from?: string;
  /** The state inside the target to which it leads, if not to its beginning. */
  readonly to?: string;
}

/** Fewer states than this are not worth an `any state` of their own. */
const alikeMin = 3;

export function edgesOfView(graph: ChartGraph, view: ChartView): ViewEdge[] {
  if (view === 'full') return graph.edges.map((edge) => fullEdge(graph, edge));
  const places = new Places(graph);
  const merged = new Map<string, Draft>();
  for (const edge of graph.edges) add(merged, liftedEdge(places, edge));
  hoist(graph, merged);
  return [...merged.values()].map((draft) => ({ ...draft, of: [...draft.of] }));
}

type Draft = Omit<ViewEdge, 'of' | 'transitions'> & { of: Set<string>; transitions: ViewTransition[] };

function add(merged: Map<string, Draft>, draft: Draft): void {
  const known = merged.get(draft.id);
  if (known === undefined) {
    merged.set(draft.id, draft);
    return;
  }
  for (const id of draft.of) known.of.add(id);
  known.transitions.push(...draft.transitions);
}

function fullEdge(graph: ChartGraph, { id, source, target, transitions }: ChartEdge): ViewEdge {
  const anywhere = source !== target && new Places(graph).lineOf(target).includes(source);
  return { id, level: graph.id, source, anywhere, target, of: [id], transitions };
}

function liftedEdge(places: Places, edge: ChartEdge): Draft {
  const { level, from, to, anywhere } = lifted(places, edge.source, edge.target);
  return {
    id: `${anywhere ? `${level}:any` : from}->${to}`,
    level,
    source: from,
    anywhere,
    target: to,
    of: new Set([edge.id]),
    transitions: edge.transitions.map((transition) => ({
      ...transition,
      ...(from === edge.source || anywhere ? {} : { from: places.between(from, edge.source) }),
      ...(places.startsAt(to, edge.target) ? {} : { to: places.between(to, edge.target) }),
    })),
  };
}

function lifted(places: Places, source: string, target: string) {
  const own = places.lineOf(source);
  const line = places.lineOf(target);
  if (source !== target && line.includes(source)) {
    // Into its own inside. Of a parallel state: into one of its regions.
    const depth = line.indexOf(source) - (places.kindOf(source) === 'parallel' ? 1 : 0);
    const level = line[depth] ?? source;
    const to = line[depth - 1];
    if (to !== undefined) return { level, from: level, to, anywhere: true };
  }
  const common =
    own.find((id) => line.includes(id) && places.kindOf(id) !== 'parallel') ?? own.at(-1) ?? source;
  // A state to itself, or to one around it, is a loop at the outer one.
  if (common === target || source === target) {
    return { level: places.parentOf(target) ?? target, from: target, to: target, anywhere: false };
  }
  const from = own[own.indexOf(common) - 1] ?? source;
  const to = line[line.indexOf(common) - 1] ?? target;
  return { level: common, from, to, anywhere: false };
}

/** V3. An end needs no `any state`: nothing leaves it. */
function hoist(graph: ChartGraph, merged: Map<string, Draft>): void {
  for (const level of graph.states.filter(({ kind }) => kind === 'compound')) {
    const living = graph.states.filter(({ parent, kind }) => parent === level.id && kind !== 'final');
    for (const key of alikeIn(level, living, merged)) {
      for (const draft of merged.values()) {
        if (draft.level !== level.id || draft.anywhere) continue;
        const alike = draft.transitions.filter((transition) => keyOf(draft, transition) === key);
        const [first] = alike;
        if (first === undefined) continue;
        draft.transitions = draft.transitions.filter((transition) => !alike.includes(transition));
        const id = `${level.id}:any->${draft.target}`;
        const known = merged.get(id)?.transitions.some((transition) => keyOf(draft, transition) === key);
        const transitions = known === true ? [] : [{ ...first, actions: [] }];
        add(merged, { ...draft, id, source: level.id, anywhere: true, of: new Set(draft.of), transitions });
        if (draft.transitions.length === 0) merged.delete(draft.id);
      }
    }
  }
}

/** What all of them do alike. The state to which it leads need not do it. */
function alikeIn(
  level: ChartState,
  living: readonly ChartState[],
  merged: ReadonlyMap<string, Draft>,
): string[] {
  const sources = new Map<string, Set<string>>();
  for (const draft of merged.values()) {
    if (draft.level !== level.id || draft.anywhere || draft.source === draft.target) continue;
    for (const transition of draft.transitions) {
      if (transition.kind !== 'event' || transition.from !== undefined) continue;
      const key = keyOf(draft, transition);
      sources.set(key, (sources.get(key) ?? new Set()).add(draft.source));
    }
  }
  return [...sources].flatMap(([key, found]) => {
    const [, target] = key.split('\n');
    const wanted = living.filter(({ id }) => id !== target);
    return wanted.length >= alikeMin && wanted.every(({ id }) => found.has(id)) ? [key] : [];
  });
}

function keyOf({ target }: Draft, { text, guard = '', to = '' }: ViewTransition): string {
  return [text, target, guard, to].join('\n');
}

/** Where states are in each other. */
class Places {
  readonly #states: ReadonlyMap<string, ChartState>;

  constructor({ states }: ChartGraph) {
    this.#states = new Map(states.map((state) => [state.id, state]));
  }

  kindOf(id: string): string {
    return this.#states.get(id)?.kind ?? '';
  }

  parentOf(id: string): string | undefined {
    return this.#states.get(id)?.parent;
  }

  /** The state and those around it, the nearest first. */
  lineOf(id: string): string[] {
    const parent = this.parentOf(id);
    return parent === undefined ? [id] : [id, ...this.lineOf(parent)];
  }

  /** Whether entering the outer state leads to the inner one. */
  startsAt(outer: string, inner: string): boolean {
    if (outer === inner) return true;
    const initial = this.#states.get(outer)?.initial;
    return initial !== undefined && this.startsAt(initial, inner);
  }

  /** Path of the inner state within the outer one. */
  between(outer: string, inner: string): string {
    const line = this.lineOf(inner);
    const keys = line.slice(0, line.indexOf(outer)).map((id) => this.#states.get(id)?.key ?? id);
    return keys.reverse().join('.');
  }
}
