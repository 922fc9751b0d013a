/** What the replay page understands of files: those of simulations, those of flight recorders, and none of others. */
import { expect, it } from 'vitest';
import { charts as programCharts } from '../../statecharts/index.ts';
import { drawPlan, readStory, simulate, storyOf, traceFileOf } from '../../src/sim/world/index.ts';
import { readReplay, type Replay } from '../../web/replay/trace-file.ts';

function read(text: string): Replay {
  const found = readReplay(text);
  if (found.kind === 'refused') throw new Error(found.reason);
  return found.replay;
}

const story = {
  format: 'kastor-simulation',
  version: 1,
  about: 'seed 7',
  plan: { seed: 7, agents: 2, faults: [{}, {}], requests: [] },
  failure: { id: 'no-double-claim', text: 'tunnel:3 was claimed twice', atMs: 1_500 },
  hash: '0badcafe',
  trace: [
    '     0.000s kas0.1 starts',
    '     1.250s kas0.1 session:1 authenticating > registered.(identity.known|tunnels.none) on xstate.done.actor.lookup',
    '     1.500s VIOLATION no-double-claim',
  ],
  diagram: '',
};

it('a simulation has its plan, what broke, and its transitions with their charts', () => {
  const { about, failure, facts, lines } = read(JSON.stringify(story));
  expect(about).toBe('seed 7');
  expect(failure).toBe('no-double-claim: tunnel:3 was claimed twice');
  expect(facts).toEqual(
    expect.arrayContaining([
      ['seed', '7'],
      ['faults', '2'],
    ]),
  );
  expect(lines.map(({ atMs }) => atMs)).toEqual([0, 1_250, 1_500]);
  expect(lines[1]?.step).toEqual({
    actor: 'kas0.1 session:1',
    chart: 'agent-session',
    event: 'xstate.done.actor.lookup',
    from: 'authenticating',
    to: 'registered.(identity.known|tunnels.none)',
  });
  expect(lines[2]).toMatchObject({ text: 'VIOLATION no-double-claim', step: undefined });
});

it('a whole trace as text is read alike', () => {
  expect(read(story.trace.join('\n')).lines).toEqual(read(JSON.stringify(story)).lines);
});

it('a flight recorder begins at its first line, and machines are named as their charts', () => {
  const rows = [
    {
      sequence: 1,
      at: 1_764_000_000_000,
      actorId: 'tunnel:1',
      machine: 'tunnel',
      from: '',
      to: 'idle',
      event: 'xstate.init',
    },
    {
      sequence: 2,
      at: 1_764_000_000_040,
      actorId: 'w',
      machine: 'configWatch',
      from: 'a',
      to: 'b',
      event: 'push.noticed',
    },
  ];
  const { about, lines } = read(`${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
  expect(about).toMatch(/^flight recorder/);
  expect(lines.map(({ atMs, step }) => [atMs, step?.chart])).toEqual([
    [0, 'tunnel'],
    [40, 'config-watch'],
  ]);
});

it('a whole simulated run is read as it was written', async () => {
  const plan = drawPlan(5, { agents: 1, kas: 1, healMs: 60_000, faults: [], gitops: true });
  const outcome = await simulate(plan, { keepTrace: true });
  const { about, lines, failure } = read(traceFileOf('seed 5', plan, outcome));
  expect(about).toBe('seed 5');
  expect(failure).toBe('');
  expect(lines.map(({ text }) => text)).toEqual(outcome.trace.map(({ text }) => text));
  const charts = new Set(lines.flatMap(({ step }) => (step === undefined ? [] : [step.chart])));
  const connected = ['agent-session', 'agent-link', 'tunnel', 'config-watch'];
  const synchronized = ['gitops-sync', 'informer', 'drift-watch', 'repository-poller'];
  expect([...charts]).toEqual(expect.arrayContaining([...connected, ...synchronized]));
  // Every one of them is a chart of the program.
  const names = new Set(programCharts.map(({ name }) => name));
  expect([...charts].filter((chart) => !names.has(chart))).toEqual([]);
});

it('what a failed simulation leaves has its whole run, and runs again to the same last line', async () => {
  // GitLab fails longer than the plan allows for.
  const calm = drawPlan(5, { agents: 1, kas: 1, healMs: 5_000, faults: [] });
  const fault = { atMs: 0, forMs: 1_000_000, kind: 'gitlab-fails', agent: 0, kas: 0 } as const;
  const plan = { ...calm, quietMs: 1_000, faults: [fault] };
  const outcome = await simulate(plan, { keepTrace: true });
  const written = JSON.stringify(storyOf('seed 5', plan, outcome));
  const { failure, lines } = read(written);
  expect(failure).toMatch(/^connected-after-healing: agent0 /);
  expect(lines.map(({ text }) => text)).toEqual(outcome.trace.map(({ text }) => text));
  expect(lines.filter(({ step }) => step !== undefined).length).toBeGreaterThan(10);
  const again = readStory(written);
  expect(again.plan).toEqual(plan);
  expect((await simulate(again.plan)).hash).toBe(again.hash);
});

it('rows of a simulation after a header', () => {
  const { facts, lines } = read(
    '{"plan":{"seed":3}}\n{"t":12,"actor":"request:1","kind":"request","event":"go","from":"a","to":"b","cause":"x"}',
  );
  expect(facts).toEqual([['seed', '3']]);
  expect(lines).toMatchObject([{ atMs: 12, step: { actor: 'request:1', chart: 'request', to: 'b' } }]);
});

it.each(['', 'hello\nworld', '{"a":1}', '[1,2]'])('%j is refused with what would do', (text) => {
  expect(readReplay(text)).toMatchObject({ kind: 'refused', reason: expect.stringMatching(/\w/) });
});
