/**
 * A statechart as plain data: states nested in states, and edges between them. What pictures, exports and the dashboard
 * are made from; the same value for the same machine, and JSON all through.
 *
 * G1. Every transition of the machine is here exactly once per target: in an edge, or among `stays` of its state if it has
 *     no target.
 * G2. Transitions with the same source and target share an edge; the edge's id is `source->target` and is stable.
 * G3. Names only: no function, no context, no value of a running actor.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';
import { type Tone, tones } from '../../../statecharts/tone.ts';
import {
  actionNamesOf,
  causeOf,
  guardTextOf,
  ownerOf,
  statesOf,
  transitionsOf,
  type TransitionKind,
} from './machine-walk.ts';

export interface ChartGraph {
  readonly id: string;
  readonly description: string;
  /** In document order; the machine itself first. */
  readonly states: readonly ChartState[];
  readonly edges: readonly ChartEdge[];
}

export interface ChartState {
  /** As in `snapshot._nodes` and in the flight recorder: the machine's id and the path, with dots. */
  readonly id: string;
  readonly key: string;
  readonly parent?: string;
  readonly kind: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  /** Where a compound begins. */
  readonly initial?: string;
  /** Its own, or that of the nearest state around it; ends have none. */
  readonly tone?: Tone;
  /** Its own tags besides the tone. */
  readonly tags: readonly string[];
  readonly owner?: string;
  readonly description?: string;
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly { readonly id: string; readonly src: string }[];
  /** What is taken without moving; without actions it is deliberately ignored. */
  readonly stays: readonly ChartTransition[];
}

export interface ChartEdge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  /** In the order in which the machine tries them. */
  readonly transitions: readonly ChartTransition[];
}

export interface ChartTransition {
  readonly kind: TransitionKind;
  /** The event, the delay, or the id of the invoked logic; '' for `always` and for the end of the states inside. */
  readonly text: string;
  readonly guard?: string;
  readonly actions: readonly string[];
  /** Its place among the transitions of its state, which are tried in this order for one event. */
  readonly order: number;
  /** Leaves its source and enters it again, also when the target is inside. */
  readonly reenter?: true;
}

export function chartGraphOf(machine: AnyStateMachine): ChartGraph {
  const nodes = statesOf(machine);
  const edges = new Map<string, Omit<ChartEdge, 'transitions'> & { transitions: ChartTransition[] }>();
  for (const node of nodes) {
    for (const [order, transition] of transitionsOf(node).entries()) {
      for (const target of transition.target ?? []) {
        const id = `${node.id}->${target.id}`;
        const edge = edges.get(id) ?? { id, source: node.id, target: target.id, transitions: [] };
        edge.transitions.push(chartTransition(transition, order));
        edges.set(id, edge);
      }
    }
  }
  return {
    id: machine.id,
    description: (machine.root.description ?? '').replaceAll(/\s+/g, ' ').trim(),
    states: nodes.map((node) => chartState(node)),
    edges: [...edges.values()],
  };
}

function chartState(node: AnyStateNode): ChartState {
  const tone = toneOf(node);
  const owner = ownerOf(node);
  const initial = node.type === 'compound' ? node.initial.target[0]?.id : undefined;
  return {
    id: node.id,
    key: node.key,
    ...(node.parent === undefined ? {} : { parent: node.parent.id }),
    kind: node.type,
    ...(initial === undefined ? {} : { initial }),
    ...(tone === undefined || node.type === 'final' ? {} : { tone }),
    tags: node.tags.filter((tag) => !tones.some((one) => one === tag)),
    ...(owner === '' ? {} : { owner }),
    ...(node.description === undefined || node.parent === undefined
      ? {}
      : { description: node.description.replaceAll(/\s+/g, ' ').trim() }),
    entry: actionNamesOf(node.config.entry),
    exit: actionNamesOf(node.config.exit),
    invokes: node.invoke.map(({ id, src }) => ({ id, src: typeof src === 'string' ? src : 'inline' })),
    stays: transitionsOf(node).flatMap((transition, order) =>
      transition.target === undefined ? [chartTransition(transition, order)] : [],
    ),
  };
}

function toneOf(node: AnyStateNode): Tone | undefined {
  const own = tones.find((tone) => node.tags.includes(tone));
  return own ?? (node.parent === undefined ? undefined : toneOf(node.parent));
}

function chartTransition(transition: AnyTransitionDefinition, order: number): ChartTransition {
  const guard = guardTextOf(transition.guard);
  return {
    ...causeOf(transition),
    ...(guard === '' ? {} : { guard }),
    actions: actionNamesOf(transition.actions),
    order,
    ...(transition.reenter ? { reenter: true } : {}),
  };
}
