/**
 * A hot chart means the same compiled as interpreted: over every path to every edge of its graph and over thousands of random
 * lives, with deadlines, late events, events sent from within actions and actions that throw.
 */
import { describe, expect, it } from 'vitest';
import { charts } from '../../statecharts/index.ts';
import type { Reaction } from './forms.ts';
import { allDeadlinesMs, answering, begin, expectAlike, expectSameActions, walk } from './lockstep.ts';
import { keyOf, stateKeyOf } from '../../src/testing/chart-model.ts';
import { graphOf, pathsOf } from '../../src/testing/index.ts';
import { modelOf } from './models.ts';

const walks = 1_500;

const hotCharts = charts.filter(({ hot }) => hot === true);

it('is proven for the charts that run compiled', () => {
  expect(hotCharts.map(({ name }) => name)).toEqual([
    'arrival',
    'request',
    'tunnel',
    'tunnel-client',
    'tunnel-pool',
  ]);
});

describe.each(hotCharts.map(({ name, machine }) => ({ name, machine })))(
  'the $name chart',
  ({ name, machine }) => {
    const model = modelOf(name);

    it('lives alike on every path', () => {
      const paths = pathsOf(machine, model);
      for (const path of paths) {
        const lives = begin(machine, model);
        for (const { event } of path.steps) {
          const told = () => `after ${event.type} on ${path.name}`;
          for (const life of lives) {
            if (event.type.startsWith('xstate.after.')) life.advance(allDeadlinesMs);
            else life.send(event);
          }
          expectAlike(lives, told);
          expectSameActions(lives, told);
        }
      }
      const taken = paths.flatMap(({ start, steps }) =>
        steps.map(({ event }, at) => `${stateKeyOf(model, steps[at - 1]?.state ?? start)} ${keyOf(event)}`),
      );
      const all = Object.entries(graphOf(machine, model)).flatMap(([state, { transitions }]) =>
        Object.values(transitions).map(({ event }) => `${state} ${keyOf(event)}`),
      );
      expect(new Set(taken)).toEqual(new Set(all));
    });

    const lifeOf = (reaction?: (seed: number) => Reaction) => {
      const ends = new Set<string>();
      for (let seed = 1; seed <= walks; seed++) {
        const react = reaction && (() => reaction(seed));
        for (const end of walk(machine, model, seed, react)) ends.add(end);
      }
      return ends;
    };

    it('lives alike on random walks', () => {
      const finals = Object.values(machine.root.states).filter(({ type }) => type === 'final');
      expect([...lifeOf()]).toEqual(expect.arrayContaining(finals.map(({ key }) => `done ${key}`)));
    });

    it('lives alike when actions answer synchronously', () => {
      expect(lifeOf((seed) => answering(machine, model, seed, false)).size).toBeGreaterThan(3);
    });

    it('dies alike when actions throw', () => {
      const ends = lifeOf((seed) => answering(machine, model, seed, true));
      expect([...ends].some((end) => end.startsWith('error'))).toBe(true);
    });
  },
);
