/**
 * Where an event can lead from a state, by the chart alone: payloads and context are not known, so each guard may say yes or
 * no. The steps are those of SCXML as xstate runs them: the innermost transition wins, regions move together, then what is
 * eventless and what was raised, until nothing is left.
 *
 * Q1. Whatever xstate does is among the answers, as long as guards, payloads and context are those of some life. The other
 *     way round is not said: an answer may need guards that never agree.
 * Q2. A chart with more ways than `waysMax` out of one state is refused, never half looked at.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';
import { activeStates } from '../charts/index.ts';
import { ancestorsOf, statesOf } from '../charts/machine-walk.ts';
import { inspectLimits } from '../limits.ts';
import { initialOf, isInside, nameOf, settle, type Active } from './configuration.ts';

interface Moment {
  readonly active: Active;
  /** Raised and not yet taken. */
  readonly queue: readonly string[];
}

export class PossibleSteps {
  readonly #machine: AnyStateMachine;
  readonly #nodes: ReadonlyMap<string, AnyStateNode>;
  /** By state and event; a chart has few of either. */
  readonly #known = new Map<string, ReadonlySet<string>>();

  constructor(machine: AnyStateMachine) {
    this.#machine = machine;
    this.#nodes = new Map(statesOf(machine).map((node) => [node.id, node]));
  }

  /** Names of the states a life can begin in. */
  beginnings(): ReadonlySet<string> {
    const { root } = this.#machine;
    return this.#remembered('', () => this.#endings([{ active: initialOf(root), queue: [] }]));
  }

  /** Names of the states the event can lead to; undefined when there is no such state. */
  after(state: string, event: string): ReadonlySet<string> | undefined {
    const active = this.#activeOf(state);
    if (active === undefined) return undefined;
    return this.#remembered(`${state} ${event}`, () =>
      this.#endings(this.#taken(active, (node) => node.transitions.get(event) ?? [], [])),
    );
  }

  /** The name with its regions in the order of the chart; undefined when it is no state of it. */
  canonical(state: string): string | undefined {
    const active = this.#activeOf(state);
    return active === undefined ? undefined : nameOf(active, this.#machine.root);
  }

  /** Nothing happens any more in it. */
  isEnd(state: string): boolean {
    const active = this.#activeOf(state);
    return active !== undefined && isOver(active, this.#machine.root);
  }

  #remembered(key: string, find: () => ReadonlySet<string>): ReadonlySet<string> {
    const known = this.#known.get(key) ?? find();
    if (this.#known.size < inspectLimits.possibleStepsMax) this.#known.set(key, known);
    return known;
  }

  #activeOf(state: string): Active | undefined {
    const ids = activeStates(this.#machine.id, state);
    const nodes = ids.map((id) => this.#nodes.get(id));
    const active = new Set(nodes.filter((node) => node !== undefined));
    const isWhole = active.size === nodes.length && (nameOf(active, this.#machine.root) ?? '') !== '';
    return isWhole ? active : undefined;
  }

  /** Follows what is eventless and what was raised, on every way. */
  #endings(moments: readonly Moment[]): ReadonlySet<string> {
    const { root } = this.#machine;
    const names = new Set<string>();
    const seen = new Set<string>();
    const open = [...moments];
    for (let moment = open.pop(); moment !== undefined; moment = open.pop()) {
      const { active, queue } = moment;
      const name = nameOf(active, root);
      if (name === undefined) throw new Error(`${this.#machine.id}: a step to no configuration`);
      const key = `${name} ${queue.join(' ')}`;
      if (seen.has(key)) continue;
      seen.add(key);
      if (seen.size > inspectLimits.waysMax)
        throw new Error(`${this.#machine.id} has too many ways from one state`);
      if (isOver(active, root)) {
        names.add(name);
        continue;
      }
      const eventless = this.#taken(active, (node) => node.always ?? [], queue);
      const moved = eventless.filter((one) => one.active !== active || one.queue !== queue);
      open.push(...moved);
      // No guard of an eventless transition may have agreed.
      if (moved.length < eventless.length) {
        const [raised, ...rest] = queue;
        if (raised === undefined) names.add(name);
        else open.push(...this.#taken(active, (node) => node.transitions.get(raised) ?? [], rest));
      }
    }
    return names;
  }

  /** Each way in which the transitions can be chosen, and what it leads to; the same moment where none was. */
  #taken(
    active: Active,
    candidates: (node: AnyStateNode) => readonly AnyTransitionDefinition[],
    queue: readonly string[],
  ): readonly Moment[] {
    return choices(this.#machine.root, active, candidates).map((chosen) =>
      chosen.length === 0 ? { active, queue } : step(active, chosen, queue),
    );
  }
}

type Choice = readonly AnyTransitionDefinition[];

/** All selections that some answers of the guards give. */
function choices(
  node: AnyStateNode,
  active: Active,
  candidates: (node: AnyStateNode) => readonly AnyTransitionDefinition[],
): readonly Choice[] {
  const inside = Object.values(node.states).filter((child) => active.has(child));
  let ways: readonly Choice[] = [[]];
  for (const child of inside) {
    const ofChild = choices(child, active, candidates);
    ways = ways.flatMap((way) => ofChild.map((more) => [...way, ...more]));
    if (ways.length > inspectLimits.waysMax) throw new Error(`${node.id} has too many ways from one state`);
  }
  // The state itself is asked when nothing inside it moves.
  return unique(ways.flatMap((way) => (way.length > 0 ? [way] : own(candidates(node)))));
}

function own(candidates: readonly AnyTransitionDefinition[]): readonly Choice[] {
  const ways: Choice[] = [];
  for (const transition of candidates) {
    ways.push([transition]);
    if (transition.guard === undefined) return ways;
  }
  return [...ways, []];
}

function unique(ways: readonly Choice[]): readonly Choice[] {
  const found: Choice[] = [];
  for (const way of ways) {
    const isKnown = found.some(
      (other) => other.length === way.length && other.every((one, index) => one === way[index]),
    );
    if (!isKnown) found.push(way);
  }
  return found;
}

/** One microstep. */
function step(active: Active, chosen: Choice, queue: readonly string[]): Moment {
  const taken = withoutConflicts(active, chosen);
  const left = new Set(taken.flatMap((transition) => [...exitsOf(active, transition)]));
  const next = new Set([...active].filter((node) => !left.has(node)));
  const entered: AnyStateNode[] = [];
  for (const transition of taken) {
    const { target } = transition;
    if (target === undefined || target.length === 0) continue;
    entered.push(...settle(next, target, domainOf(transition)));
  }
  const raised = [
    ...[...left].flatMap(({ exit }) => raisedBy(exit)),
    ...taken.flatMap(({ actions }) => raisedBy(actions)),
    ...entered.flatMap(({ entry }) => raisedBy(entry)),
    ...entered.flatMap((node) => doneEvents(node, next)),
  ];
  return { active: next, queue: [...queue, ...raised] };
}

/** Of two that leave the same state the inner one stays, else the first. */
function withoutConflicts(active: Active, chosen: Choice): Choice {
  const kept: AnyTransitionDefinition[] = [];
  for (const transition of new Set(chosen)) {
    const exits = exitsOf(active, transition);
    const rivals = kept.filter((other) => [...exitsOf(active, other)].some((node) => exits.has(node)));
    if (rivals.some((other) => !isInside(transition.source, other.source))) continue;
    for (const rival of rivals) kept.splice(kept.indexOf(rival), 1);
    kept.push(transition);
  }
  return kept;
}

function exitsOf(active: Active, transition: AnyTransitionDefinition): ReadonlySet<AnyStateNode> {
  if (transition.target === undefined || transition.target.length === 0) return new Set();
  const domain = domainOf(transition);
  const exits = new Set([...active].filter((node) => domain === undefined || isInside(node, domain)));
  if (transition.reenter && domain === transition.source) exits.add(domain);
  return exits;
}

/** What stays active around a transition; undefined when not even the machine does. */
function domainOf({ source, target = [], reenter }: AnyTransitionDefinition): AnyStateNode | undefined {
  if (!reenter && target.every((node) => node === source || isInside(node, source))) return source;
  const around = ancestorsOf(source).find((ancestor) => target.every((node) => isInside(node, ancestor)));
  return around ?? (reenter ? undefined : source.machine.root);
}

/** Events that actions put in the queue themselves; those with a delay come later, as events of their own. */
function raisedBy(actions: readonly unknown[]): readonly string[] {
  return actions.flatMap((action) => {
    if ((typeof action !== 'object' && typeof action !== 'function') || action === null) return [];
    const { type, event, delay } = action as { type?: unknown; event?: unknown; delay?: unknown };
    if (type !== 'xstate.raise' || delay !== undefined) return [];
    return typeof event === 'object' && event !== null && 'type' in event ? [String(event.type)] : [];
  });
}

/** `xstate.done.state` of what a final state completes. */
function doneEvents(node: AnyStateNode, active: Active): readonly string[] {
  if (node.type !== 'final' || node.parent === undefined) return [];
  const events = [`xstate.done.state.${node.parent.id}`];
  for (const ancestor of ancestorsOf(node.parent)) {
    if (ancestor.type !== 'parallel' || !isDone(ancestor, active)) break;
    events.push(`xstate.done.state.${ancestor.id}`);
  }
  return events;
}

function isDone(node: AnyStateNode, active: Active): boolean {
  const children = Object.values(node.states);
  if (node.type === 'parallel') return children.every((child) => isDone(child, active));
  if (node.type === 'compound') return children.some((child) => child.type === 'final' && active.has(child));
  return node.type === 'final' && active.has(node);
}

function isOver(active: Active, root: AnyStateNode): boolean {
  return isDone(root, active);
}
