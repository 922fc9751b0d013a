/** Wrong tokens, broken configuration, unreachable clusters: what both ends say, and that nothing is left behind. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startSimulatedCluster, type Cluster } from '../fakes/kube-apiserver.ts';
import { run, until, World, type WorldOptions } from './world.ts';

let cluster: Cluster;
const worlds: World[] = [];

beforeAll(async () => {
  cluster = await startSimulatedCluster();
});
afterAll(async () => {
  await cluster.stop();
});
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function prepare(options: Partial<WorldOptions> = {}): Promise<World> {
  const world = await World.prepare({ kubeconfig: cluster.kubeconfigPath, ...options });
  worlds.push(world);
  return world;
}

/** Sessions, tunnels and requests of kas are all gone. */
async function nothingLeft(world: World): Promise<void> {
  await until('kas to forget everything', 15_000, async () => {
    const { agents, tunnels, requests } = await world.state();
    return agents.length === 0 && tunnels.open === 0 && requests.pending === 0 ? true : undefined;
  });
}

describe('a wrong agent token', () => {
  it('is refused with words at both ends, which never contain it, and leaves nothing in kas', async () => {
    const world = await prepare({ agentToken: 'surely-not-a-token\n' });
    const kas = await world.startKas();
    const agentk = world.startAgentk();
    await agentk.said(/kas refuses this agent/);
    await kas.said(/Agent refused/);
    expect(agentk.log).toContain('Mend:');
    expect(agentk.log + kas.log).not.toContain('surely-not-a-token');
    expect(agentk.child.exitCode).toBeNull();
    const answer = world.get('/version');
    agentk.kill('SIGTERM');
    expect((await agentk.exited).code).toBe(0);
    await until('the request to be the only thing left', 5_000, async () =>
      (await world.state()).agents.length === 0 ? true : undefined,
    );
    kas.kill('SIGTERM');
    expect((await answer).text).toContain('kas is shutting down');
    expect((await kas.exited).code).toBe(0);
  }, 60_000);
});

describe('an agent nobody knows', () => {
  it('is a 403 for the job that asks for it', async () => {
    const world = await prepare();
    await world.startKas();
    const answer = await world.get('/version', { authorization: `Bearer ci:4711:${world.data.jobToken}` });
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.text)).toMatchObject({
      kind: 'Status',
      message: 'GitLab Agent Server: Forbidden: agentId is not allowed',
    });
  });

  it('is a 401 for a job token nobody knows', async () => {
    const world = await prepare();
    await world.startKas();
    const answer = await world.get('/version', { authorization: 'Bearer ci:1:nonsense' });
    expect(answer.status).toBe(401);
    expect(answer.headers['gitlab-unauthorized']).toBe('true');
    expect(answer.text).toContain('Unauthorized: CI job token');
    expect(answer.text).not.toContain('nonsense');
  });
});

describe('a broken config.yaml', () => {
  const cases = [
    { what: 'an unknown key', text: 'ci_acess: {}\n', said: /failed to parse agent configuration.*ci_acess/ },
    { what: 'bad YAML', text: 'ci_access: [\n', said: /failed to parse agent configuration/ },
    { what: '200 KiB', text: `# ${'x'.repeat(200 * 1024)}\n`, said: /file is too big/ },
  ];
  it.each(cases)(
    'with $what is told at both ends, and the cluster stays reachable',
    async ({ text, said }) => {
      const world = await prepare({ configuration: text });
      const kas = await world.startKas();
      const agentk = world.startAgentk();
      await kas.said(said);
      await agentk.said(said);
      // The job's own project is granted without any entry.
      await world.serving();
      agentk.kill('SIGTERM');
      expect((await agentk.exited).code).toBe(0);
      await nothingLeft(world);
    },
    60_000,
  );
});

describe('an unreachable cluster', () => {
  it('is a 502 that names the hop, and agentk says why', async () => {
    const kubeconfig = join(process.env['TMPDIR'] ?? '/tmp', `kastor-unreachable-${process.pid}.json`);
    await writeFile(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'none', cluster: { server: 'https://127.0.0.1:1' } }],
        users: [{ name: 'nobody', user: { token: 'cluster-secret' } }],
        contexts: [{ name: 'x', context: { cluster: 'none', user: 'nobody' } }],
        'current-context': 'x',
      }),
    );
    const world = await prepare({ kubeconfig });
    await world.startKas();
    const agentk = world.startAgentk();
    await agentk.said(/Connected to kas/);
    const answer = await world.get('/version');
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.text).message).toMatch(
      /code = Unavailable desc = gRPC -> HTTP: .*127\.0\.0\.1:1/,
    );
    await agentk.said(/127\.0\.0\.1:1/);
    expect(agentk.log).not.toContain('cluster-secret');
    agentk.kill('SIGTERM');
    await agentk.exited;
    await nothingLeft(world);
    await rm(kubeconfig);
  }, 60_000);
});

describe('a configuration kas cannot use', () => {
  it('is one line that names file, key and remedy, with exit code 1', async () => {
    const world = await prepare();
    await writeFile(world.data.kasConfiguration, 'agent: { listn: {} }\n');
    const kas = await run(process.execPath, [
      'src/cli/kas.ts',
      '--configuration-file',
      world.data.kasConfiguration,
    ]);
    expect(kas.code).toBe(1);
    expect(kas.stderr).toMatch(
      /^Program aborted: protojson\.Unmarshal: agent: unknown key "listn"; known here: listen, .*\n$/,
    );
  });
});
