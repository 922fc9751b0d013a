/** Wrongs planted into charts: each changes what the chart does at its one place, and leaves nothing when it is taken out. */
import { createActor, type AnyStateMachine, type EventObject } from 'xstate';
import { describe, expect, it } from 'vitest';
import { charts, tunnelMachine } from '../../statecharts/index.ts';
import { chartLaws, graphOf, mutantsOf } from '../../src/testing/index.ts';
import { modelOf } from '../charts/models.ts';

const input = { tunnelId: 't', agentId: 1n, incarnation: 1 };
const plant = (machine: AnyStateMachine, id: string) => {
  const mutant = mutantsOf(machine).find((one) => one.id === id);
  if (mutant === undefined) throw new Error(`no mutant ${id}`);
  return mutant.plant();
};

/** What a tunnel does on these events, when it is provided with actions as its actor does. */
function life(...events: readonly EventObject[]) {
  const done: string[] = [];
  const actions = Object.fromEntries(
    ['offer', 'withdraw', 'loseClaim', 'finishCall'].map((name) => [name, () => done.push(name)]),
  );
  const actor = createActor(tunnelMachine.provide({ actions }), { input });
  actor.start();
  for (const event of events) actor.send(event as never);
  return [actor.getSnapshot().value, ...done];
}

const claim = { type: 'claim.requested', requestId: 'r' };
const started = { type: 'forward.started', requestId: 'other' };

describe('a wrong planted into a chart', () => {
  it.each([
    ['idle on claim.requested → claimed: never taken', [claim], ['idle', 'offer']],
    [
      'claimed on forward.started → forwarding: guard not asked',
      [claim, started],
      ['forwarding', 'offer', 'withdraw'],
    ],
    ['idle: no exit', [claim], ['claimed', 'offer']],
    ['idle: no entry', [], ['idle']],
    [
      'claimed on age.expired → done: actions not run',
      [claim, { type: 'age.expired' }],
      ['done', 'offer', 'withdraw', 'finishCall'],
    ],
  ] as const)('%s', (id, events, expected) => {
    const before = life(...events);
    const takeOut = plant(tunnelMachine, id);
    expect(life(...events)).toEqual(expected);
    takeOut();
    expect(life(...events)).toEqual(before);
    expect(before).not.toEqual(expected);
  });

  it('has a name of its own, and there is one for every transition', () => {
    for (const { machine } of charts) {
      const ids = mutantsOf(machine).map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
    }
  });

  it.each(['tunnel', 'module', 'store-link'])('leaves the %s chart as it was', (name) => {
    const machine = charts.find((chart) => chart.name === name)?.machine ?? tunnelMachine;
    const before = Object.keys(graphOf(machine, modelOf(name)));
    for (const mutant of mutantsOf(machine)) mutant.plant()();
    expect(Object.keys(graphOf(machine, modelOf(name)))).toEqual(before);
    expect(chartLaws(machine, modelOf(name)).filter(({ broken }) => broken.length > 0)).toEqual([]);
  });
});
