/** Every law of charts can be broken, and says by what. */
import { assign, fromPromise, setup, type AnyStateMachine } from 'xstate';
import { describe, expect, it } from 'vitest';
import { chartLaws, pathsOf, type ChartModel } from '../../src/testing/index.ts';

const work = fromPromise(async () => {});
const kit = setup({
  types: { context: {} as { readonly tries: number }, tags: {} as 'up' | 'down' },
  actors: { work },
  actions: { count: assign({ tries: ({ context }) => Math.min(context.tries + 1, 3) }) },
  guards: { few: ({ context }) => context.tries < 2 },
  delays: { pause: 10 },
});
type Config = Parameters<typeof kit.createMachine>[0];

/** A chart that holds all laws, but for what is put in place of its parts. */
function chart(
  waiting: NonNullable<Config['states']>[string] = {},
  rest: Partial<Config> = {},
): AnyStateMachine {
  return kit.createMachine({
    id: 'kettle',
    description: 'A kettle.',
    options: { maxIterations: 10 },
    context: { tries: 0 },
    initial: 'working',
    output: { kind: 'stopped' },
    states: {
      working: {
        tags: ['up'],
        invoke: { id: 'work', src: 'work', onDone: 'waiting', onError: 'waiting' },
        on: { 'stop.requested': 'stopped' },
      },
      waiting: {
        tags: ['down'],
        entry: 'count',
        after: { pause: [{ guard: 'few', target: 'working' }, { target: 'stopped' }] },
        on: { 'stop.requested': 'stopped' },
        ...waiting,
      },
      stopped: { type: 'final' },
    },
    ...rest,
  });
}

const model: ChartModel = { project: ({ tries }) => tries };

const broken = (machine: AnyStateMachine) =>
  chartLaws(machine, model, { tones: ['up', 'down'] }).filter(({ broken: by }) => by.length > 0);
const states = chart().config.states ?? {};

it('a chart that holds all laws breaks none', () => {
  expect(broken(chart())).toEqual([]);
});

describe('a chart that', () => {
  it.each<readonly [string, AnyStateMachine, string]>([
    [
      'has a state nothing leads to',
      chart({}, { states: { ...states, lost: { tags: ['up'] } } }),
      'reaches each of its states',
    ],
    [
      'has a branch behind one that takes all',
      chart({ after: { pause: [{ target: 'working' }, { guard: 'few', target: 'stopped' }] } }),
      'takes each of its transitions on some walk',
    ],
    [
      'cannot end once it waits',
      chart({ after: { pause: { guard: 'few', target: 'waiting' } }, on: { 'stop.requested': {} } }),
      'can always still come to its end',
    ],
    ['is deaf to a stop', chart({ on: {} }), 'hears a request to stop wherever it is'],
    [
      'hears a stop only when a guard lets it',
      chart({ on: { 'stop.requested': { guard: 'few', target: 'stopped' } } }),
      'hears a request to stop wherever it is',
    ],
    ['ends without a verdict', chart({}, { output: undefined }), 'ends with a verdict'],
    [
      'does not say how a state is to be taken',
      chart({ tags: [] }),
      'says of each state that is not an end how it is to be taken, in exactly one word',
    ],
    [
      'has an action it does not use',
      chart({ entry: [] }),
      'implements what it names and names what it implements',
    ],
    ['has an action without a name', chart({ exit: () => {} }), 'names its actions, guards and delays'],
    [
      'has a delay without a name',
      chart({ after: { pause: [{ guard: 'few', target: 'working' }, { target: 'stopped' }], 5: 'working' } }),
      'names its actions, guards and delays',
    ],
    [
      'lets a failed invoke pass',
      chart({ invoke: { id: 'again', src: 'work', onDone: 'working' } }),
      'survives its invokes, whatever becomes of them',
    ],
    [
      'lets some outcomes of an invoke pass',
      chart({
        invoke: {
          id: 'again',
          src: 'work',
          onDone: { guard: 'few', target: 'working' },
          onError: 'working',
        },
      }),
      'survives its invokes, whatever becomes of them',
    ],
    [
      'listens to everything',
      chart({ on: { 'stop.requested': 'stopped', 'peer.*': 'working' } }),
      'listens to no wildcard',
    ],
    ['may step for ever', chart({}, { options: {} }), 'bounds its eventless steps and says what it is'],
  ])('%s is told so', (_, machine, law) => {
    expect(broken(machine).map(({ name }) => name)).toContain(law);
  });

  it('has a guard that never says no is told so', () => {
    const laws = chartLaws(chart(), { guards: { few: () => true } });
    expect(laws.find(({ name }) => name.startsWith('has guards'))?.broken).toEqual(['few: always true']);
  });
});

it('paths take each step of a chart once, and none is the beginning of another', () => {
  expect(pathsOf(chart(), { guards: { few: () => true } }).map(({ name }) => name)).toEqual([
    'stop.requested',
    'xstate.error.actor.work',
    'xstate.done.actor.work, stop.requested',
    'xstate.done.actor.work, xstate.after.pause.kettle.waiting',
  ]);
});
