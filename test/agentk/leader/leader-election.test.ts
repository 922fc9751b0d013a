import fc from 'fast-check';
import { createActor } from 'xstate';
import { expect, test } from 'vitest';
import { createLeaderElectionLogic } from '../../../src/agentk/leader/index.ts';
import type { Clock } from '../../../src/ports/index.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';
import { PlayedLease } from './played-lease.ts';

/** A clock of its own speed and its own idea of the date, on the clock of the world. */
function skewed(clock: VirtualClock, rate: number, aheadMs: number): Clock {
  return {
    now: () => clock.now() * rate + aheadMs,
    monotonic: () => clock.monotonic() * rate + 5_000,
    setTimeout: (fn, delayMs) => clock.setTimeout(fn, delayMs / rate),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
}

interface Candidate {
  readonly name: string;
  leads: boolean;
  readonly link: { severed: boolean };
  readonly log: RecordingLog;
  /** Set to keep its leaders' work from ending. */
  release: (() => void) | undefined;
  hang: boolean;
  stop(): void;
  readonly status: () => string;
}

function candidate(
  name: string,
  lease: PlayedLease,
  clock: Clock,
  random: SeededRandom,
  onLeading: (leads: boolean) => void = () => {},
): Candidate {
  const link = { severed: false };
  const log = new RecordingLog();
  const one: Candidate = {
    name,
    leads: false,
    link,
    log,
    release: undefined,
    hang: false,
    stop: () => actor.send({ type: 'stop.requested' }),
    status: () => actor.getSnapshot().status,
  };
  const logic = createLeaderElectionLogic({
    client: lease.client(link),
    pod: { namespace: 'gitlab-agent', name },
    agentId: () => 7n,
    onLeading: (leads) => {
      one.leads = leads;
      onLeading(leads);
    },
    idle: () => (one.hang ? new Promise((resolve) => (one.release = resolve)) : Promise.resolve()),
    clock,
    random,
    log,
  });
  const actor = createActor(logic, { input: { identity: name }, clock }).start();
  return one;
}

function world() {
  const clock = new VirtualClock();
  const random = new SeededRandom(3);
  return { clock, random, lease: new PlayedLease(clock, random) };
}

test('the first candidate takes the Lease as the original writes it, and says so', async () => {
  const { clock, random, lease } = world();
  const one = candidate('agent-0', lease, clock, random);
  await clock.advanceAsync(100);
  expect(one.leads).toBe(true);
  expect(lease.lease).toMatchObject({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'agent-7-lock', namespace: 'gitlab-agent' },
    spec: {
      holderIdentity: 'agent-0',
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
      acquireTime: expect.stringMatching(/^2024-01-01T00:00:00\.\d{6}Z$/),
      renewTime: expect.stringMatching(/^2024-01-01T00:00:00\.\d{6}Z$/),
    },
  });
  const acquired = lease.spec['acquireTime'];
  expect(lease.events).toMatchObject([
    {
      kind: 'Event',
      reason: 'LeaderElection',
      message: 'agent-0 became leader',
      type: 'Normal',
      source: { component: 'gitlab-agent' },
      involvedObject: { kind: 'Lease', name: 'agent-7-lock', namespace: 'gitlab-agent' },
    },
  ]);
  await clock.advanceAsync(60_000);
  expect(lease.lease).toMatchObject({ spec: { acquireTime: acquired, leaseTransitions: 0 } });
  expect(lease.spec).not.toMatchObject({ renewTime: acquired });
  one.stop();
  await clock.advanceAsync(1_000);
  expect([one.status(), one.leads, clock.pending]).toEqual(['done', false, 0]);
});

test('a Lease given back is taken at once, one of a dead leader after its duration, and counted', async () => {
  const { clock, random, lease } = world();
  const [one, two] = [candidate('agent-0', lease, clock, random), candidate('agent-1', lease, clock, random)];
  await clock.advanceAsync(5_000);
  const [first, second] = one.leads ? [one, two] : [two, one];
  expect([first.leads, second.leads]).toEqual([true, false]);
  expect(second.log.text).toContain('Another replica leads');
  first.stop();
  await clock.advanceAsync(4_500);
  expect([first.status(), second.leads]).toEqual(['done', true]);
  expect(lease.lease).toMatchObject({ spec: { holderIdentity: second.name, leaseTransitions: 1 } });

  const third = candidate('agent-2', lease, clock, random);
  await clock.advanceAsync(5_000);
  second.link.severed = true;
  await clock.advanceAsync(10_500);
  expect([second.leads, third.leads]).toEqual([false, false]);
  await clock.advanceAsync(15_000);
  expect(third.leads).toBe(true);
  expect(lease.lease).toMatchObject({ spec: { holderIdentity: 'agent-2', leaseTransitions: 2 } });
});

test('a Lease of the original counts as much as ours', async () => {
  const { clock, random, lease } = world();
  const spec = {
    holderIdentity: 'gitlab-agent-v1-6d4f9',
    leaseDurationSeconds: 15,
    acquireTime: '2023-12-31T23:00:00.000000Z',
    renewTime: '2023-12-31T23:59:59.000000Z',
    leaseTransitions: 4,
    strategy: 'OldestEmulationVersion',
  };
  const metadata = {
    name: 'agent-7-lock',
    namespace: 'gitlab-agent',
    resourceVersion: '0',
    labels: { a: 'b' },
  };
  lease.lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
  const one = candidate('agent-0', lease, clock, random);
  await clock.advanceAsync(14_900);
  expect(one.leads).toBe(false);
  await clock.advanceAsync(5_000);
  expect(one.leads).toBe(true);
  expect(lease.lease).toMatchObject({
    metadata: { labels: { a: 'b' } },
    spec: { holderIdentity: 'agent-0', leaseTransitions: 5, strategy: 'OldestEmulationVersion' },
  });
});

test('after a loss nothing is tried before the work of the leader has stopped', async () => {
  const { clock, random, lease } = world();
  const one = candidate('agent-0', lease, clock, random);
  await clock.advanceAsync(3_000);
  one.hang = true;
  lease.away = true;
  await clock.advanceAsync(10_000);
  expect(one.leads).toBe(false);
  lease.away = false;
  await clock.advanceAsync(10_000);
  expect(one.leads).toBe(false);
  one.release?.();
  await clock.advanceAsync(100);
  expect(one.leads).toBe(true);
});

test('a trouble with the Lease is told once', async () => {
  const { clock, random, lease } = world();
  lease.away = true;
  const one = candidate('agent-0', lease, clock, random);
  await clock.advanceAsync(120_000);
  expect(one.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
});

test('two never lead at the same time, and always somebody leads again, whatever happens to clocks and answers', async () => {
  const step = fc.record({
    kind: fc.constantFrom('sever', 'heal', 'away', 'back', 'lossy', 'slow', 'good', 'restart', 'wait'),
    who: fc.nat(2),
    ms: fc.integer({ min: 10, max: 12_000 }),
  });
  const rates = fc.array(fc.double({ min: 0.92, max: 1.08, noNaN: true }), { minLength: 3, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), rates, fc.nat(), async (steps, rate, seed) => {
      const clock = new VirtualClock();
      const random = new SeededRandom(seed);
      const lease = new PlayedLease(clock, random);
      const leaders = new Set<string>();
      let most = 0;
      let count = 0;
      const made = (index: number) => {
        const name = `agent-${index}-${(count += 1)}`;
        const own = skewed(clock, rate[index] ?? 1, index * 3_600_000);
        return candidate(name, lease, own, random.fork(name), (leads) => {
          if (leads) leaders.add(name);
          else leaders.delete(name);
          most = Math.max(most, leaders.size);
        });
      };
      const candidates = [0, 1, 2].map(made);
      for (const { kind, who, ms } of steps) {
        const link = candidates[who]?.link ?? { severed: false };
        if (kind === 'sever') link.severed = true;
        else if (kind === 'heal') link.severed = false;
        else if (kind === 'away') lease.away = true;
        else if (kind === 'back') lease.away = false;
        else if (kind === 'lossy') lease.lossShare = 0.4;
        else if (kind === 'slow') lease.latencyMs = 4_000;
        else if (kind === 'good') [lease.lossShare, lease.latencyMs] = [0, 20];
        else if (kind === 'restart') {
          candidates[who]?.stop();
          candidates[who] = made(who);
        }
        await clock.advanceAsync(ms);
      }
      [lease.lossShare, lease.latencyMs, lease.away] = [0, 20, false];
      for (const { link } of candidates) link.severed = false;
      await clock.advanceAsync(40_000);
      expect(most).toBeLessThanOrEqual(1);
      expect(leaders.size).toBe(1);
      expect([...leaders]).toEqual([lease.holder]);
      for (const one of candidates) one.stop();
      await clock.advanceAsync(10_000);
      expect([leaders.size, clock.pending]).toEqual([0, 0]);
    }),
    { numRuns: 40, seed: 7 },
  );
});
