/**
 * A chart as the configuration that `createMachine` takes, in plain JSON: what editors for xstate import. Names stand for
 * guards, actions, delays and invoked logic; `machine.toJSON()` is something else, and cannot be read back.
 *
 * J1. `createMachine(JSON.parse(text))` has the same graph as the machine (`chart-graph.ts`).
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';
import { actionNamesOf, guardTextOf, transitionsOf } from './machine-walk.ts';

export function chartJsonOf(machine: AnyStateMachine): string {
  return `${JSON.stringify({ id: machine.id, ...stateConfig(machine.root) }, undefined, 2)}\n`;
}

interface TransitionConfig {
  readonly target?: readonly string[];
  readonly guard?: string;
  readonly actions?: readonly string[];
  readonly reenter?: true;
}
type Transitions = Record<string, TransitionConfig[]>;

function stateConfig(node: AnyStateNode): Readonly<Record<string, unknown>> {
  const on: Transitions = {};
  const after: Transitions = {};
  const doneInside: TransitionConfig[] = [];
  for (const transition of [...node.transitions.values()].flat()) {
    const delay: unknown = 'delay' in transition ? transition.delay : undefined;
    const config = transitionConfig(transition);
    if (typeof delay === 'string' || typeof delay === 'number') (after[delay] ??= []).push(config);
    else if (transition.eventType === `xstate.done.state.${node.id}`) doneInside.push(config);
    else if (!transition.eventType.startsWith('xstate.')) (on[transition.eventType] ??= []).push(config);
  }
  return {
    ...(node.description === undefined ? {} : { description: node.description }),
    ...(node.type === 'parallel' || node.type === 'final' ? { type: node.type } : {}),
    ...(node.type === 'history' ? { type: node.type, history: node.history } : {}),
    ...(node.type === 'compound' ? { initial: initialOf(node) } : {}),
    ...(node.tags.length === 0 ? {} : { tags: node.tags }),
    ...(node.meta === undefined ? {} : { meta: node.meta as unknown }),
    ...filled('entry', actionNamesOf(node.config.entry)),
    ...filled('exit', actionNamesOf(node.config.exit)),
    ...filled(
      'invoke',
      node.invoke.map((invoke) => invokeConfig(node, invoke.id, invoke.src)),
    ),
    ...(Object.keys(on).length === 0 ? {} : { on }),
    ...(Object.keys(after).length === 0 ? {} : { after }),
    ...filled('onDone', doneInside),
    ...filled(
      'always',
      (node.always ?? []).map((transition) => transitionConfig(transition)),
    ),
    ...(Object.keys(node.states).length === 0 ? {} : { states: childrenOf(node) }),
  };
}

function childrenOf({ states }: AnyStateNode): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(states).map(([key, child]) => [key, { id: child.id, ...stateConfig(child) }]),
  );
}

/** The key of a child, or a path below one. */
function initialOf(node: AnyStateNode): string | undefined {
  return node.initial.target[0]?.path.slice(node.path.length).join('.');
}

function invokeConfig(node: AnyStateNode, id: string, src: unknown) {
  const of = (kind: string) =>
    transitionsOf(node)
      .filter(({ eventType }) => eventType === `xstate.${kind}.${id}`)
      .map((transition) => transitionConfig(transition));
  return {
    id,
    src: typeof src === 'string' ? src : 'inline',
    ...filled('onDone', of('done.actor')),
    ...filled('onError', of('error.actor')),
    ...filled('onSnapshot', of('snapshot')),
  };
}

function transitionConfig({ target, guard, actions, reenter }: AnyTransitionDefinition): TransitionConfig {
  const condition = guardTextOf(guard);
  return {
    ...(target === undefined ? {} : { target: target.map(({ id }) => `#${id}`) }),
    ...(condition === '' ? {} : { guard: condition }),
    ...filled('actions', actionNamesOf(actions)),
    ...(reenter ? { reenter: true } : {}),
  };
}

function filled(key: string, list: readonly unknown[]): Readonly<Record<string, unknown>> {
  return list.length === 0 ? {} : { [key]: list };
}
