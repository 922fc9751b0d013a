/** What happens when a process dies without a word: real processes, killed with SIGKILL, under load. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog, systemClock } from '../../src/host/index.ts';
import { startSimulatedKubernetes, type SimulatedKubernetes } from '../../src/sim/kubernetes/index.ts';
import { until, World, type Answer } from './world.ts';

let cluster: SimulatedKubernetes;
let world: World;

beforeAll(async () => {
  const { log } = createLog({ level: 'error' });
  cluster = await startSimulatedKubernetes({ clock: systemClock, log, seedDemo: true, tls: true });
});
afterAll(async () => {
  await cluster.stop();
});

async function prepare(): Promise<World> {
  const kubeconfig = join(process.env['TMPDIR'] ?? '/tmp', `kastor-failure-${process.pid}.yaml`);
  await writeFile(kubeconfig, cluster.kubeconfig(), { mode: 0o600 });
  return World.prepare({ kubeconfig });
}

describe('kill -9 agentk under load', () => {
  beforeAll(async () => {
    world = await prepare();
  });
  afterAll(async () => {
    await world.close();
  });

  it('answers every pending request within a second, forgets the session, and serves again with the next agentk', async () => {
    const { agentk } = await world.startBoth();
    const before = await world.state();
    const session = before.transitions.find(({ machine }) => machine === 'agentSession')?.actorId;
    // Watches hold their tunnels open; the rest is traffic.
    const pending = new Set<Promise<void>>();
    const afterKill: { answer: Answer | undefined; endedMs: number }[] = [];
    let killedAt = Infinity;
    let load = true;
    const send = async (path: string) => {
      const answer = await world.get(path).catch(() => undefined);
      const now = performance.now();
      if (now >= killedAt) afterKill.push({ answer, endedMs: now - killedAt });
    };
    const worker = async () => {
      while (load) await send('/api/v1/namespaces/demo/pods');
    };
    for (let i = 0; i < 16; i++) pending.add(worker());
    for (let i = 0; i < 8; i++) {
      const watch = await world.open('/api/v1/namespaces/demo/pods?watch=true');
      pending.add(
        watch.body.text().then(
          () => {},
          () => void afterKill.push({ answer: undefined, endedMs: performance.now() - killedAt }),
        ),
      );
    }

    killedAt = performance.now();
    agentk.kill('SIGKILL');
    load = false;
    await agentk.exited;
    await until('kas to know', 5_000, async () =>
      (await world.state()).tunnels.open === 0 ? true : undefined,
    );
    const late = world.get('/version');
    const next = world.startAgentk();
    await Promise.all(pending);

    expect(afterKill.length).toBeGreaterThanOrEqual(8);
    for (const { answer, endedMs } of afterKill) {
      // Cut in the middle (a watch), failed with 502, or held back until the next agentk came.
      if (answer?.status === 200) continue;
      if (answer !== undefined) expect(answer.status).toBe(502);
      expect(endedMs).toBeLessThan(1_000);
    }
    const gone = await until('the session chart to say gone', 5_000, async () =>
      (await world.state()).transitions.find(({ actorId, to }) => actorId === session && to === 'gone'),
    );
    expect(gone.machine).toBe('agentSession');

    await next.said(/Connected to kas/, 15_000);
    expect((await late).status).toBe(200);
    await until('one session and nothing pending', 5_000, async () => {
      const { agents, requests } = await world.state();
      return agents.length === 1 && requests.pending === 0 ? true : undefined;
    });
  }, 60_000);
});

describe('kill -9 kas', () => {
  beforeAll(async () => {
    world = await prepare();
  });
  afterAll(async () => {
    await world.close();
  });

  it('is survived by agentk, which reconnects by itself and serves through the next kas', async () => {
    const { kas, agentk } = await world.startBoth();
    kas.kill('SIGKILL');
    await kas.exited;
    await agentk.said(/No connection to kas/, 10_000);
    await world.startKas();
    await world.serving(30_000).catch((error: unknown) => {
      throw new Error(`agentk did not come back:\n${agentk.log}`, { cause: error });
    });
    expect(agentk.child.exitCode).toBeNull();
    expect(agentk.lines.filter((line) => line.includes('Connected to kas'))).toHaveLength(2);
  }, 60_000);
});
