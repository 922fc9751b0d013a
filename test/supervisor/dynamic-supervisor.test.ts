import { createMachine, fromPromise, fromTransition } from 'xstate';
import { expect, test } from 'vitest';
import { DynamicSupervisor, type DynamicSupervisorOptions } from '../../src/supervisor/index.ts';
import { outcome, steady, World } from './world.ts';

async function open(
  world: World,
  options: Partial<DynamicSupervisorOptions> = {},
): Promise<DynamicSupervisor> {
  const supervisor = new DynamicSupervisor({ id: 'members', maxChildren: 100, ...options }, world.env);
  await supervisor.start();
  return supervisor;
}

const temporary = { restart: 'temporary' } as const;

test('a member starts at once and its reference is answered', async () => {
  const world = new World();
  const supervisor = await open(world);
  const started = supervisor.startChild(world.spec('m:1'));
  expect(started.kind === 'started' && started.ref === supervisor.get('m:1')).toBe(true);
  expect([supervisor.count(), world.live]).toEqual([1, ['m:1']]);
  expect(supervisor.whichChildren()).toMatchObject([{ id: 'm:1', status: 'running', restarts: 0 }]);
});

test('a full supervisor, a taken id and a supervisor that does not run refuse', async () => {
  const world = new World();
  const early = new DynamicSupervisor({ id: 'early', maxChildren: 1 }, world.env);
  expect(early.startChild(world.spec('a'))).toEqual({ kind: 'refused', reason: 'stopping' });
  const supervisor = await open(world, { maxChildren: 2 });
  supervisor.startChild(world.spec('a'));
  expect(supervisor.startChild(world.spec('a'))).toEqual({ kind: 'refused', reason: 'duplicate' });
  supervisor.startChild(world.spec('b'));
  expect(supervisor.startChild(world.spec('c'))).toEqual({ kind: 'refused', reason: 'full' });
  await supervisor.stop();
  expect(supervisor.startChild(world.spec('d'))).toEqual({ kind: 'refused', reason: 'stopping' });
  expect(world.live).toEqual([]);
});

test('a member that crashes in its first step is refused, not kept and not restarted', async () => {
  const world = new World();
  const supervisor = await open(world);
  world.failingStarts.set('a', 1);
  expect(supervisor.startChild(world.spec('a'))).toEqual({
    kind: 'refused',
    reason: 'crashed',
    error: new Error('a cannot start'),
  });
  expect([supervisor.count(), world.clock.pending]).toEqual([0, 0]);
  expect(world.kinds()).toEqual(['startFailed a']);
  expect(supervisor.startChild(world.spec('a')).kind).toBe('started');
});

test('a member that is done in its first step has been started, and is gone', async () => {
  const world = new World();
  const supervisor = await open(world);
  const logic = createMachine({ initial: 'done', states: { done: { type: 'final' } } });
  expect(supervisor.startChild({ id: 'a', logic, restart: 'temporary' }).kind).toBe('started');
  expect(supervisor.count()).toBe(0);
});

test('members are restarted by their restart type, each alone, and the forgotten free their id', async () => {
  const world = new World();
  const supervisor = await open(world, { intensity: 10 });
  supervisor.startChild(world.spec('p'));
  supervisor.startChild(world.spec('t', { restart: 'transient' }));
  supervisor.startChild(world.spec('x', temporary));
  world.takeTrace();
  await world.tell('p', 'finish');
  await world.tell('t', 'crash');
  await world.tell('x', 'crash');
  expect(world.takeTrace()).toBe('-p +p -t +t -x');
  await world.tell('t', 'finish');
  expect(supervisor.whichChildren().map(({ id }) => id)).toEqual(['p']);
  expect(supervisor.startChild(world.spec('x', temporary)).kind).toBe('started');
});

test('a restart never runs on the stack of the ending actor', async () => {
  const world = new World();
  const supervisor = await open(world);
  supervisor.startChild(world.spec('a'));
  world.send('a', 'crash');
  expect([world.live, supervisor.get('a'), supervisor.count()]).toEqual([[], undefined, 1]);
  expect(supervisor.whichChildren()[0]?.status).toBe('waiting');
  world.clock.advance(0);
  expect(world.live).toEqual(['a']);
});

test('intensity counts over all members, and a failed try counts too', async () => {
  const world = new World();
  const supervisor = await open(world, { intensity: 3, periodMs: 1000 });
  supervisor.startChild(world.spec('a'));
  supervisor.startChild(world.spec('b', {}, { onStop: 'slow' }));
  supervisor.startChild(world.spec('c', { backoff: steady }));
  await world.tell('c', 'crash');
  world.failingStarts.set('a', 1);
  await world.tell('a', 'crash'); // two more: the crash and the failed start
  expect(await outcome(supervisor)).toBe('alive');
  await world.tell('a', 'crash');
  expect(supervisor.startChild(world.spec('d'))).toEqual({ kind: 'refused', reason: 'stopping' });
  await world.clock.advanceAsync(1000);
  expect(await outcome(supervisor)).toEqual({
    kind: 'shutdown',
    reason: 'more than 3 restarts in 1000 ms, the last of child "a": a crashed',
  });
  expect([world.live, world.clock.pending]).toEqual([[], 0]);
});

test('while a member waits for its restart its place is taken, and it can be terminated', async () => {
  const world = new World();
  const supervisor = await open(world, { maxChildren: 1 });
  supervisor.startChild(world.spec('a', { backoff: steady }));
  await world.tell('a', 'crash');
  expect(supervisor.startChild(world.spec('a'))).toEqual({ kind: 'refused', reason: 'duplicate' });
  expect(supervisor.startChild(world.spec('b'))).toEqual({ kind: 'refused', reason: 'full' });
  await supervisor.terminateChild('a');
  expect([supervisor.count(), world.clock.pending]).toEqual([0, 0]);
  const states = world.transitions.map(({ to }) => to);
  expect(states.slice(-2)).toEqual(['restarting', 'running']);
});

test('terminating asks, waits within the budget, kills, and forgets whatever the restart type', async () => {
  const world = new World();
  const supervisor = await open(world);
  supervisor.startChild(world.spec('a', { shutdown: 200 }, { onStop: 'ignore' }));
  supervisor.startChild(world.spec('b'));
  supervisor.startChild(world.spec('c', { shutdown: 'brutal' }, { onStop: 'ignore' }));
  supervisor.startChild(world.spec('d', {}, { onStop: 'crash' }));
  world.takeTrace();
  const gone = supervisor.terminateChild('a');
  await supervisor.terminateChild('b');
  await supervisor.terminateChild('c');
  await supervisor.terminateChild('d');
  await supervisor.terminateChild('nobody');
  expect(supervisor.whichChildren()).toMatchObject([{ id: 'a', status: 'stopping' }]);
  await world.clock.advanceAsync(200);
  await gone;
  expect(world.takeTrace()).toBe('-b -c -d -a');
  expect([supervisor.count(), world.clock.pending]).toEqual([0, 0]);
});

test('a member is asked to stop once, however many ask', async () => {
  const world = new World();
  const supervisor = await open(world);
  const heard: string[] = [];
  const deaf = fromTransition(
    (_: undefined, event: { type: string }) => void heard.push(event.type),
    undefined,
  );
  supervisor.startChild({ id: 'a', logic: deaf, shutdown: 100 });
  const gone = [supervisor.terminateChild('a'), supervisor.terminateChild('a'), supervisor.stop()];
  await world.clock.advanceAsync(100);
  await Promise.all(gone);
  expect(heard.filter((type) => type === 'stop.requested')).toHaveLength(1);
  expect(world.clock.pending).toBe(0);
});

test('all members stop at once, so it takes the longest budget and not their sum', async () => {
  const world = new World();
  const supervisor = await open(world);
  for (let n = 0; n < 10; n++) {
    supervisor.startChild(world.spec(`i:${n}`, { shutdown: n < 5 ? 300 : 700 }, { onStop: 'ignore' }));
    supervisor.startChild(world.spec(`o:${n}`));
  }
  supervisor.startChild(world.spec('slow', { shutdown: 'infinity' }, { onStop: 'slow' }));
  supervisor.startChild(world.spec('brutal', { shutdown: 'brutal' }, { onStop: 'ignore' }));
  supervisor.startChild(world.spec('waits', { backoff: steady }));
  await world.tell('waits', 'crash');
  const stopped = supervisor.stop('drained');
  expect(supervisor.count()).toBe(11);
  await world.clock.advanceAsync(300);
  expect(supervisor.count()).toBe(6);
  await world.clock.advanceAsync(400);
  expect(world.live).toEqual(['slow']);
  await world.clock.advanceAsync(300);
  await stopped;
  expect([world.live, world.clock.pending]).toEqual([[], 0]);
  expect(await supervisor.exit).toEqual({ kind: 'shutdown', reason: 'drained' });
});

test('a member that ends by itself while the others stop is not restarted', async () => {
  const world = new World();
  const supervisor = await open(world, { intensity: 10 });
  supervisor.startChild(world.spec('a', {}, { onStop: 'slow' }));
  supervisor.startChild(world.spec('b', {}, { onStop: 'ignore' }));
  const stopped = supervisor.stop();
  await world.tell('b', 'crash');
  await world.clock.advanceAsync(1000);
  await stopped;
  expect(world.takeTrace()).toBe('+a +b -b -a');
});

test('any actor logic can be a member; a promise ends it normally or as a crash', async () => {
  const world = new World();
  const supervisor = await open(world);
  supervisor.startChild({ id: 'yes', logic: fromPromise(async () => 'done'), ...temporary });
  supervisor.startChild({
    id: 'no',
    logic: fromPromise(() => Promise.reject(new Error('no'))),
    ...temporary,
  });
  await world.clock.settle();
  expect(supervisor.count()).toBe(0);
  expect(world.reports.filter(({ kind }) => kind === 'exited').map(({ reason }) => reason)).toEqual([
    'ended normally',
    'no',
  ]);
});

test('senseless options and specs are bugs and throw', async () => {
  const world = new World();
  expect(() => new DynamicSupervisor({ id: 'd', maxChildren: 0, periodMs: -1 }, world.env)).toThrow(
    'supervisor "d": periodMs must be positive; maxChildren must be positive',
  );
  const supervisor = await open(world);
  expect(() => supervisor.startChild(world.spec('17'))).toThrow('numeric id');
  expect(() => supervisor.startChild(world.spec('a', { ready: 'tag' }))).toThrow('belong under a Supervisor');
});

test('twenty thousand members with timers come and go at a flat price', async () => {
  const world = new World();
  const supervisor = await open(world, { maxChildren: 20_000 });
  const spec = (n: number) => world.spec(`m:${n}`, temporary, { readyAfterMs: 60_000 });
  const timed = (from: number, count: number) => {
    const before = performance.now();
    for (let n = from; n < from + count; n++) supervisor.startChild(spec(n));
    for (let n = from; n < from + count; n++) world.send(`m:${n}`, 'finish');
    return performance.now() - before;
  };
  timed(0, 500); // warm up
  const empty = timed(0, 500);
  for (let n = 1000; n < 20_000; n++) supervisor.startChild(spec(n));
  const crowded = timed(0, 500);
  expect(supervisor.count()).toBe(19_000);
  expect(crowded).toBeLessThan(empty * 10 + 200); // children in one system would take seconds here
  await supervisor.stop();
  expect([supervisor.count(), world.live.length, world.clock.pending]).toEqual([0, 0, 0]);
});
