/**
 * A statechart as a Mermaid `stateDiagram-v2`: a pure function of the machine, the same text for the same machine. Used for
 * `docs/charts` and by whoever shows a live chart (`diagramIdOf` names the node to colour).
 *
 * M1. Only a small, safe part of Mermaid is written: declarations, `[*]`, edges, composites, `--` between regions. Node names
 *     are letters, digits and `_`; every other text goes through `safe`, so no name in a chart can end a line or a block.
 * M2. Mermaid cannot draw an edge across the border of a composite, nor from a composite to what is inside it. Such a
 *     transition is drawn between the outermost nodes that can be joined, and its label says which states are meant; one of
 *     a composite to its own inside starts at a node named `anywhere`. What cannot be drawn at all (targetless
 *     transitions, a composite entered anew) is left to the table of `describeStates`.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';
import {
  actionNamesOf,
  ancestorsOf,
  causeOf,
  guardTextOf,
  isComposite,
  ownerOf,
  statesOf,
  transitionsOf,
} from './machine-walk.ts';

/** Labels of edges between the same two nodes are joined up to this length. */
const labelCharsMax = 48;

/** The diagram, without fences; ends without a line break. */
export function diagramOf(machine: AnyStateMachine): string {
  const edges = new Map<AnyStateNode, Edge[]>();
  for (const node of statesOf(machine)) {
    for (const transition of transitionsOf(node)) {
      for (const target of transition.target ?? []) {
        const edge = edgeOf(node, target, labelOf(transition));
        if (edge !== undefined) edges.set(edge.level, [...(edges.get(edge.level) ?? []), edge]);
      }
    }
  }
  const { root } = machine;
  const body = root.type === 'parallel' ? declare(root, edges) : inside(root, edges);
  return ['stateDiagram-v2', ...indent(body)].join('\n');
}

/** The name of a state in its diagram. */
export function diagramIdOf(node: AnyStateNode): string {
  return [node.machine.id, ...node.path].join('_').replaceAll(/[^A-Za-z0-9_]/g, '_');
}

/** What the diagram does not say about a state. */
export interface StateDescription {
  /** Path from the machine down, with dots. */
  readonly path: string;
  readonly owner: string;
  readonly tags: readonly string[];
  /** Actions on entry and invoked logic. */
  readonly does: readonly string[];
  /** Events that move nothing: handled in place or deliberately ignored. */
  readonly stays: readonly string[];
}

/** Every state with what the diagram leaves out, in document order; the machine itself first, with path ''. */
export function describeStates(machine: AnyStateMachine): StateDescription[] {
  return statesOf(machine).map((node) => ({
    path: node.path.join('.'),
    owner: ownerOf(node),
    tags: node.tags,
    does: [
      ...actionNamesOf(node.config.entry),
      ...actionNamesOf(node.config.exit).map((name) => `${name} on leaving`),
      ...node.invoke.map(({ src }) => `invokes ${typeof src === 'string' ? src : 'inline logic'}`),
    ],
    stays: transitionsOf(node).flatMap((transition) => {
      if (transition.target?.some((target) => edgeOf(node, target, '') !== undefined) === true) return [];
      const inert = transition.target === undefined && transition.actions.length === 0;
      return [`${labelOf(transition)}${inert ? ' (ignored)' : ''}`];
    }),
  }));
}

interface Edge {
  /** The composite (or machine) inside which the edge is written. */
  readonly level: AnyStateNode;
  readonly from: string;
  readonly to: string;
  readonly label: string;
}

/** Where and between what a transition is drawn (M2); undefined if it cannot be. */
function edgeOf(source: AnyStateNode, target: AnyStateNode, label: string): Edge | undefined {
  const line = [target, ...ancestorsOf(target)];
  if (source !== target && line.includes(source)) {
    const [region, first] = [line.at(line.indexOf(source) - 1), line.at(line.indexOf(source) - 2)];
    const [level, to] = source.type === 'parallel' ? [region, first] : [source, region];
    if (level === undefined || to === undefined || line.indexOf(to) > line.indexOf(level)) return undefined;
    return { level, from: anywhereIn(level), to: diagramIdOf(to), label: label + lifted('to', to, target) };
  }
  if (source === target) {
    const level = source.parent;
    if (level === undefined || isComposite(source)) return undefined;
    return { level, from: diagramIdOf(source), to: diagramIdOf(source), label };
  }
  const own = [source, ...ancestorsOf(source)];
  const level = own.find((node) => line.includes(node));
  if (level === undefined || level.type === 'parallel' || level === target) return undefined;
  const from = own[own.indexOf(level) - 1];
  const to = line[line.indexOf(level) - 1];
  if (from === undefined || to === undefined) return undefined;
  return {
    level,
    from: diagramIdOf(from),
    to: diagramIdOf(to),
    label: label + lifted('in', from, source) + lifted('to', to, target),
  };
}

/** Says which state is meant when a composite around it is drawn instead. */
function lifted(word: 'in' | 'to', drawn: AnyStateNode, meant: AnyStateNode): string {
  return drawn === meant ? '' : ` (${word} ${meant.path.slice(drawn.path.length).join('.')})`;
}

type Edges = ReadonlyMap<AnyStateNode, readonly Edge[]>;

/** Lines that declare a node, with all that is in it. */
function declare(node: AnyStateNode, edges: Edges): string[] {
  const owner = ownerOf(node);
  const lines = [`state "${safe(node.key)}" as ${diagramIdOf(node)}`];
  if (!isComposite(node))
    return owner === '' ? lines : [...lines, `${diagramIdOf(node)} : owner ${safe(owner)}`];
  const regions = Object.values(node.states).map((child) =>
    isComposite(child) ? inside(child, edges, child.key) : declare(child, edges),
  );
  const body =
    node.type === 'parallel'
      ? regions.flatMap((region, index) => (index === 0 ? region : ['--', ...region]))
      : inside(node, edges);
  return [`${lines.join('')} {`, ...indent(body), '}'];
}

/** Lines inside a compound state: its start (which tells the name of a region), its states, its edges, its ends. */
function inside(node: AnyStateNode, edges: Edges, region = ''): string[] {
  const here = edges.get(node) ?? [];
  const children = Object.values(node.states);
  const start = node.type === 'compound' ? node.initial.target[0] : undefined;
  const anywhere = anywhereIn(node);
  return [
    ...children.flatMap((child) => declare(child, edges)),
    ...(here.some(({ from }) => from === anywhere) ? [`state "anywhere" as ${anywhere}`] : []),
    ...(start === undefined
      ? []
      : [`[*] --> ${diagramIdOf(start)}${region === '' ? '' : ` : ${safe(region)}`}`]),
    ...joined(here).map(({ from, to, label }) => `${from} --> ${to} : ${safe(label)}`),
    ...children.filter(({ type }) => type === 'final').map((child) => `${diagramIdOf(child)} --> [*]`),
  ];
}

/** Edges between the same nodes become one as long as its label stays readable. */
function joined(edges: readonly Edge[]): Edge[] {
  const result: Edge[] = [];
  for (const edge of edges) {
    const index = result.findLastIndex(({ from, to }) => from === edge.from && to === edge.to);
    const last = result[index];
    const label = last === undefined ? '' : `${last.label}, ${edge.label}`;
    if (last === undefined || label.length > labelCharsMax) result.push(edge);
    else result[index] = { ...last, label };
  }
  return result;
}

function labelOf(transition: AnyTransitionDefinition): string {
  const { kind, text } = causeOf(transition);
  const condition = guardTextOf(transition.guard);
  const name = kind === 'event' ? text : kind === 'after' ? `after ${text}` : `${text} ${kind}`.trim();
  return name + (condition === '' ? '' : ` [${condition}]`);
}

function anywhereIn(node: AnyStateNode): string {
  return `${diagramIdOf(node)}__anywhere`;
}

/** M1: what Mermaid could read as syntax becomes a space. */
function safe(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} .,()[\]/_-]+/gu, ' ').trim();
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
