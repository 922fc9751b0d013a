/**
 * A chart as SCXML (W3C), for tools that read it. It documents and does not run: guards and actions are names, so a guard
 * becomes `cond` with its name and an action a `log` that says it. A delay becomes what the standard has for it: an event
 * sent on entry and cancelled on leaving.
 *
 * X1. Ids are the state's path with `_`, unique and allowed in XML; every other text is escaped.
 */
import type { ChartGraph, ChartState, ChartTransition } from './chart-graph.ts';
import { xmlText } from './xml-text.ts';

export function scxmlOf(graph: ChartGraph): string {
  const [root] = graph.states;
  if (root === undefined) throw new Error(`chart ${graph.id} has no state`);
  const open = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="${xmlText(graph.id)}" initial="${idOf(root.id)}" datamodel="null">`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    open,
    ...indent(stateOf(graph, root)),
    '</scxml>',
    '',
  ].join('\n');
}

interface Taken {
  readonly transition: ChartTransition;
  readonly target?: string;
}

function stateOf(graph: ChartGraph, state: ChartState): string[] {
  const tag = state.kind === 'final' || state.kind === 'parallel' ? state.kind : 'state';
  const initial = state.initial === undefined ? '' : ` initial="${idOf(state.initial)}"`;
  const taken = takenFrom(graph, state);
  const delays = [
    ...new Set(taken.flatMap(({ transition: { kind, text } }) => (kind === 'after' ? [text] : []))),
  ];
  const sent = delays.map((delay) => {
    const name = delayEvent(state, delay);
    return `<send id="${name}" event="${name}" delayexpr="${xmlText(delay)}"/>`;
  });
  const cancelled = delays.map((delay) => `<cancel sendid="${delayEvent(state, delay)}"/>`);
  return [
    `<${tag} id="${idOf(state.id)}"${initial}>`,
    ...indent([
      ...block('onentry', [...sent, ...state.entry.map((name) => log(name))]),
      ...block('onexit', [...cancelled, ...state.exit.map((name) => log(name))]),
      ...state.invokes.map(
        ({ id, src }) => `<invoke id="${xmlText(invokeId(state, id))}" src="${xmlText(src)}"/>`,
      ),
      ...taken.map((one) => transitionOf(state, one)),
      ...graph.states.filter(({ parent }) => parent === state.id).flatMap((child) => stateOf(graph, child)),
    ]),
    `</${tag}>`,
  ];
}

function takenFrom({ edges }: ChartGraph, { id, stays }: ChartState): Taken[] {
  return [
    ...edges
      .filter(({ source }) => source === id)
      .flatMap(({ target, transitions }) => transitions.map((transition) => ({ transition, target }))),
    ...stays.map((transition) => ({ transition })),
  ].sort((a, b) => a.transition.order - b.transition.order);
}

function transitionOf(state: ChartState, { transition, target }: Taken): string {
  const event = eventOf(state, transition);
  const attributes = [
    event === '' ? '' : ` event="${xmlText(event)}"`,
    transition.guard === undefined ? '' : ` cond="${xmlText(transition.guard)}"`,
    target === undefined ? '' : ` target="${idOf(target)}"`,
    target === undefined || transition.reenter === true ? '' : ' type="internal"',
  ].join('');
  if (transition.actions.length === 0) return `<transition${attributes}/>`;
  return `<transition${attributes}>${transition.actions.map((name) => log(name)).join('')}</transition>`;
}

function eventOf(state: ChartState, { kind, text }: ChartTransition): string {
  if (kind === 'event') return text;
  if (kind === 'always') return '';
  if (kind === 'after') return delayEvent(state, text);
  if (kind === 'done')
    return text === '' ? `done.state.${idOf(state.id)}` : `done.invoke.${invokeId(state, text)}`;
  return `${kind === 'failed' ? 'error' : 'changed'}.invoke.${invokeId(state, text)}`;
}

/** As SCXML makes them: several states may invoke logic under one name. */
function invokeId(state: ChartState, id: string): string {
  return `${idOf(state.id)}.${idOf(id)}`;
}

function delayEvent({ id }: ChartState, delay: string): string {
  return `after.${idOf(delay)}.${idOf(id)}`;
}

function block(tag: string, content: readonly string[]): string[] {
  return content.length === 0 ? [] : [`<${tag}>${content.join('')}</${tag}>`];
}

function log(name: string): string {
  return `<log label="action" expr="'${xmlText(name)}'"/>`;
}

function idOf(path: string): string {
  return path.replaceAll(/[^A-Za-z0-9_-]/g, '_');
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
