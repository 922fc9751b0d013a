/** Real kas and agentk, killed under traffic: whatever they did, their charts allow it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Conformance, type ConformanceReport } from '../../src/inspect/index.ts';
import { startCluster, type Cluster } from '../fakes/kube-apiserver.ts';
import { charts } from '../../statecharts/index.ts';
import { until, World } from './world.ts';

let cluster: Cluster;
let world: World;

beforeAll(async () => {
  cluster = await startCluster();
  world = await World.prepare({ kubeconfig: cluster.kubeconfigPath });
}, 120_000);
afterAll(async () => {
  await world?.close();
  await cluster?.stop();
});

async function recordingAt(port: number): Promise<ConformanceReport> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/recorder`);
  const conformance = new Conformance(charts);
  for (const line of (await answer.text()).trimEnd().split('\n')) conformance.take(line);
  return conformance.report();
}

it('every transition that was recorded over kills and restarts is one of the charts', async () => {
  const kas = await world.startKas();
  let agentk = world.startAgentk();
  await world.serving();
  for (let kills = 0; kills < 2; kills++) {
    const traffic = Array.from({ length: 40 }, () => world.get('/version').catch(() => undefined));
    await Promise.race(traffic);
    agentk.kill('SIGKILL');
    await agentk.exited;
    await Promise.all(traffic);
    agentk = world.startAgentk();
    await world.serving();
  }
  await Promise.all(Array.from({ length: 100 }, () => world.get('/version')));
  const ofKas = await recordingAt(world.ports.observability);
  expect(ofKas.findings).toEqual([]);
  expect(ofKas.proven).toBe(ofKas.transitions);
  // Two sessions that were killed, and the requests.
  expect(ofKas.lives.whole).toBeGreaterThan(100);
  const ofAgentk = await recordingAt(world.ports.agentObservability);
  expect(ofAgentk.findings).toEqual([]);
  expect(ofAgentk.proven).toBeGreaterThan(50);

  // agentk outlives its kas, and says how.
  kas.kill('SIGKILL');
  await kas.exited;
  await world.startKas();
  await world.serving(60_000);
  const after = await until('agentk to have come back', 60_000, async () => {
    const report = await recordingAt(world.ports.agentObservability);
    return report.transitions > ofAgentk.transitions ? report : undefined;
  });
  expect(after.findings).toEqual([]);
}, 240_000);
