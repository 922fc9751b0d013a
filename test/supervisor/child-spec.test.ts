import { expect, test } from 'vitest';
import {
  checkChildSpecs,
  Supervisor,
  type AutoShutdown,
  type SomeChildSpec,
} from '../../src/supervisor/index.ts';
import { steady, World } from './world.ts';

const world = new World();
const supervisor = () => new Supervisor({ id: 's', strategy: 'one_for_one', children: [] }, world.env);

test.each<[string, SomeChildSpec[], AutoShutdown, RegExp]>([
  ['the same id twice', [world.spec('a'), world.spec('a')], 'never', /duplicate id/],
  ['an empty id', [world.spec('')], 'never', /empty id/],
  ['a numeric id', [world.spec('17')], 'never', /numeric id/],
  ['an empty name', [world.spec('a', { name: '' })], 'never', /empty name/],
  [
    'significant and permanent',
    [world.spec('a', { significant: true })],
    'any_significant',
    /significant and permanent/,
  ],
  [
    'significant where nothing shuts down by itself',
    [world.spec('a', { significant: true, restart: 'transient' })],
    'never',
    /never shuts down by itself/,
  ],
  ['a negative budget', [world.spec('a', { shutdown: -1 })], 'never', /negative shutdown/],
  ['a budget that is no number', [world.spec('a', { shutdown: Number.NaN })], 'never', /negative shutdown/],
  ['a readiness deadline of nothing', [world.spec('a', { ready: 'tag', readyMs: 0 })], 'never', /positive/],
  ['a readiness deadline nobody waits for', [world.spec('a', { readyMs: 10 })], 'never', /without ready/],
  [
    'backoff without restarts',
    [world.spec('a', { restart: 'temporary', backoff: steady })],
    'never',
    /never restarted/,
  ],
  [
    'a senseless backoff',
    [
      world.spec('a', {
        backoff: { initMs: -1, factor: 0.5, maxMs: -2, jitter: -1, resetMs: -1 },
      }),
    ],
    'never',
    /initMs.*factor.*maxMs.*jitter.*resetMs/s,
  ],
  [
    'a supervisor with a finite budget',
    [{ id: 's', supervisor, shutdown: 5000 as unknown as 'infinity' }], // as a caller without types might
    'never',
    /all the time it needs/,
  ],
  ['a supervisor that is also logic', [{ ...world.spec('a'), supervisor }], 'never', /not both/],
  ['a population', Array.from({ length: 101 }, (_, n) => world.spec(`c:${n}`)), 'never', /DynamicSupervisor/],
])('%s is refused', (_, specs, autoShutdown, problem) => {
  expect(checkChildSpecs(specs, autoShutdown).join('\n')).toMatch(problem);
});

test('sound specs pass, and every problem of a bad one is named at once', () => {
  const sound: SomeChildSpec[] = [
    world.spec('agent:1', { restart: 'transient', significant: true, shutdown: 'brutal', backoff: steady }),
    world.spec('b', { ready: 'tag', readyMs: 10, shutdown: 0, name: 'b' }),
    { id: 's', supervisor, shutdown: 'infinity' },
    { id: 't', supervisor },
  ];
  expect(checkChildSpecs(sound, 'all_significant')).toEqual([]);
  expect(checkChildSpecs([world.spec('', { shutdown: -1, ready: 'tag', readyMs: -1 })])).toHaveLength(3);
});
