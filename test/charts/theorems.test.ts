/** What must be true of every chart, whatever it describes (`design/style.md` B5, C4). */
import { readdirSync, readFileSync } from 'node:fs';
import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode } from 'xstate';
import { describe, expect, it } from 'vitest';
import { charts } from '../../statecharts/index.ts';
import { tones } from '../../statecharts/tone.ts';
import { type Graph, graphOf, modelled, stateKeyOf } from './walk.ts';

/** The machine itself, from `setup(` to its end; the essay and the vocabulary come on top. */
const machineLinesMax = 200;
const fileLinesMax = 300;

function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((child) => nodesOf(child))];
}

const isLeaf = (node: AnyStateNode) => node.type === 'atomic' || node.type === 'final';

/** Names that a part of a chart refers to: actions, guards with what they combine, sources of invokes. */
function namesIn(value: unknown): string[] {
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

function referencesOf(machine: AnyStateMachine) {
  const used = {
    actions: new Set<string>(),
    guards: new Set<string>(),
    delays: new Set<string>(),
    actors: new Set<string>(),
  };
  const note = (kind: keyof typeof used, value: unknown) =>
    namesIn(value).forEach((name) => used[kind].add(name));
  for (const node of nodesOf(machine.root)) {
    note('actions', node.config.entry);
    note('actions', node.config.exit);
    if (node.type === 'compound') note('actions', node.initial.actions);
    for (const transition of [...[...node.transitions.values()].flat(), ...(node.always ?? [])]) {
      note('actions', transition.actions);
      note('guards', transition.guard);
    }
    for (const delay of Object.keys(node.config.after ?? {}))
      if (Number.isNaN(Number(delay))) used.delays.add(delay);
    for (const { src } of node.invoke) note('actors', src);
  }
  return used;
}

/** Keys of the graph from which a finished life can be reached. */
function canFinish(name: string, graph: Graph): Set<string> {
  const sources = new Map<string, string[]>();
  for (const [from, { transitions }] of Object.entries(graph)) {
    for (const { state } of Object.values(transitions)) {
      const to = stateKeyOf(name, state);
      sources.set(to, [...(sources.get(to) ?? []), from]);
    }
  }
  const reached = new Set<string>();
  const todo = Object.entries(graph).flatMap(([key, { state }]) => (state.status === 'done' ? [key] : []));
  for (let key = todo.pop(); key !== undefined; key = todo.pop()) {
    if (reached.has(key)) continue;
    reached.add(key);
    todo.push(...(sources.get(key) ?? []));
  }
  return reached;
}

const folder = new URL('../../statecharts/', import.meta.url);

it('lists every chart of the folder, in order', () => {
  const files = readdirSync(folder).map((file) => file.replace(/\.ts$/, ''));
  const vocabulary = new Set(['index', 'tone']);
  expect(charts.map(({ name }) => name)).toEqual(files.filter((file) => !vocabulary.has(file)).sort());
});

const modelledCharts = charts.map(({ name, machine }) => ({ name, machine: modelled(name, machine) }));

describe.each(modelledCharts)('the $name chart', ({ name, machine }) => {
  const graph = graphOf(name, machine);
  const snapshots: AnyMachineSnapshot[] = Object.values(graph).map(({ state }) => state);

  it('reaches each of its states', () => {
    const reached = new Set(snapshots.flatMap(({ _nodes }) => _nodes.map(({ id }) => id)));
    // A state left at once by an eventless transition is not seen at rest.
    const transient = (node: AnyStateNode) => (node.always ?? []).some(({ guard }) => guard === undefined);
    const all = nodesOf(machine.root).filter((node) => isLeaf(node) && !transient(node));
    expect(all.map(({ id }) => id).filter((id) => !reached.has(id))).toEqual([]);
  });

  it('takes each of its transitions on some walk', () => {
    const taken = new Set<unknown>();
    for (const { state, transitions } of Object.values(graph)) {
      expect(state.status).not.toBe('error');
      for (const { event } of Object.values(transitions)) {
        for (const transition of machine.getTransitionData(state, event)) taken.add(transition);
      }
    }
    const all = nodesOf(machine.root).flatMap(({ transitions }) => [...transitions.values()].flat());
    const never = all.filter((transition) => !taken.has(transition));
    expect(
      never.map(({ source, eventType, target }) => [source.id, eventType, target?.map(({ id }) => id)]),
    ).toEqual([]);
  });

  it('can always still come to its end', () => {
    const finishing = canFinish(name, graph);
    expect(Object.keys(graph).filter((key) => !finishing.has(key))).toEqual([]);
  });

  it('hears a request to stop wherever it is', () => {
    const deaf = snapshots.filter(
      ({ status, _nodes }) =>
        status === 'active' && !_nodes.some(({ transitions }) => transitions.has('stop.requested')),
    );
    expect(deaf.map(({ value }) => value)).toEqual([]);
  });

  it('says of each state that is not an end how it is to be taken, in exactly one word', () => {
    const tonesOn = (node: AnyStateNode): readonly string[] => [
      ...node.tags.filter((tag) => tones.some((tone) => tone === tag)),
      ...(node.parent === undefined ? [] : tonesOn(node.parent)),
    ];
    const leaves = nodesOf(machine.root).filter(({ type }) => type === 'atomic');
    const unclear = leaves.filter((leaf) => tonesOn(leaf).length !== 1);
    expect(unclear.map((leaf) => [leaf.id, tonesOn(leaf)])).toEqual([]);
  });

  it('ends with a verdict', () => {
    const ends = snapshots.filter(({ status }) => status === 'done');
    expect(ends.length).toBeGreaterThan(0);
    for (const { value, output } of ends)
      expect(output, String(value)).toMatchObject({ kind: expect.any(String) });
  });

  it('implements what it names and names what it implements', () => {
    const used = referencesOf(machine);
    const { actions, guards, delays, actors } = machine.implementations;
    expect(Object.keys(actions).sort()).toEqual([...used.actions].sort());
    expect(Object.keys(guards).sort()).toEqual([...used.guards].sort());
    expect(Object.keys(delays).sort()).toEqual([...used.delays].sort());
    expect(Object.keys(actors).sort()).toEqual([...used.actors].sort());
  });

  it('listens to no wildcard and survives its invokes', () => {
    for (const node of nodesOf(machine.root)) {
      for (const type of node.transitions.keys()) expect(type).not.toContain('*');
      for (const invoke of node.invoke) expect(invoke, node.id).toHaveProperty('onError');
    }
  });

  it('bounds its eventless steps, says what it is, and fits on a few screens', () => {
    expect(machine.options.maxIterations).toBe(100);
    expect(machine.root.description).toBeTruthy();
    const lines = readFileSync(new URL(`${name}.ts`, folder), 'utf8').split('\n');
    const first = lines.findIndex((line) => line.includes('setup({'));
    const last = lines.findIndex((line, index) => index > first && line === '});');
    expect(first).toBeGreaterThan(0);
    expect(last - first).toBeLessThanOrEqual(machineLinesMax);
    expect(lines.length).toBeLessThanOrEqual(fileLinesMax);
  });
});
