/** `npm start` as a newcomer runs it: one command, the ready file, kubectl, a killed agentk, Ctrl-C. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run, until } from './world.ts';

interface Ready {
  readonly pids: { readonly kastor: number; readonly kas: number; readonly agentk: number };
  readonly addresses: Readonly<Record<string, string>>;
  readonly kubeconfig: string;
  readonly repositories: { readonly configuration: string; readonly manifests: string };
}

let folder: string;
let kastor: ChildProcess;
let said = '';
let ready: Ready;
let squatter: Server;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kastor-start-'));
  // One of the usual ports is taken, by us or by somebody else on this machine.
  squatter = createServer();
  await new Promise<void>((resolve) => {
    squatter.once('error', () => resolve());
    squatter.listen(8154, '127.0.0.1', () => resolve());
  });
  const readyFile = join(folder, 'ready.json');
  kastor = spawn('npm', ['start', '--', '--data', join(folder, 'data'), '--ready-file', readyFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  kastor.stdout?.on('data', (data: Buffer) => (said += data.toString()));
  await until('the ready file', 60_000, () => {
    if (kastor.exitCode !== null) throw new Error(`npm start ended:\n${said}`);
    return existsSync(readyFile) ? true : undefined;
  });
  ready = JSON.parse(await readFile(readyFile, 'utf8')) as Ready;
}, 90_000);

afterAll(async () => {
  if (kastor.exitCode === null) process.kill(ready.pids.kastor, 'SIGKILL');
  squatter.close();
  await rm(folder, { recursive: true, force: true });
});

const kubectl = (...args: string[]) => run('kubectl', ['--kubeconfig', ready.kubeconfig, ...args]);

it('says what runs where, which port it had to change and what to try', () => {
  expect(said).toContain('port 8154 is taken');
  expect(said).toMatch(/kas .*agentk .*cluster /s);
  expect(said).toContain('get pods -w');
  expect(existsSync(ready.repositories.configuration)).toBe(true);
  expect(existsSync(ready.repositories.manifests)).toBe(true);
});

it('serves the dashboard it names, which knows the agent', async () => {
  const [url = ''] = /http:\/\/127\.0\.0\.1:\d+\/dashboard\//.exec(said) ?? [];
  const page = await fetch(url);
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
  const [script = ''] = /assets\/index-[^"]+\.js/.exec(await page.text()) ?? [];
  expect((await fetch(`${url}${script}`)).headers.get('content-type')).toMatch(/^text\/javascript/);
  const directory = (await (await fetch(new URL('/api/agents', url))).json()) as {
    agents: { name: string }[];
  };
  expect(directory.agents.map(({ name }) => name)).toEqual(['demo']);
});

it('answers kubectl: pods and deployments, apply and delete, and a watch that tells of new pods', async () => {
  const listed = await kubectl('get', 'pods,deployments');
  expect(listed.stdout).toMatch(/pod\/web-\S+\s+1\/1\s+Running/);
  expect(listed.stdout).toMatch(/deployment\.apps\/web\s+2\/2/);
  const watch = spawn('kubectl', ['--kubeconfig', ready.kubeconfig, 'get', 'pods', '-w', '--no-headers']);
  let seen = '';
  watch.stdout.on('data', (data: Buffer) => (seen += data.toString()));
  await until('the watch to list the pods', 15_000, () => (seen.includes('web-') ? true : undefined));
  const manifest = join(folder, 'pod.json');
  await writeFile(
    manifest,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'applied' },
      spec: { containers: [{ name: 'main', image: 'example/main' }] },
    }),
  );
  const applied = await kubectl('apply', '-f', manifest);
  expect(applied.stdout).toContain('pod/applied created');
  await until('the watch to tell of the new pod', 15_000, () =>
    /applied\s+1\/1\s+Running/.test(seen) ? true : undefined,
  );
  expect((await kubectl('delete', 'pod', 'applied', '--wait=false')).stdout).toContain('deleted');
  watch.kill();
}, 60_000);

it('starts a new agentk when the old one is killed', async () => {
  process.kill(ready.pids.agentk, 'SIGKILL');
  await until('the cluster to answer again', 30_000, async () =>
    (await kubectl('get', 'nodes', '--request-timeout=5s')).code === 0 ? true : undefined,
  );
}, 60_000);

it('stops everything on Ctrl-C and keeps the data', async () => {
  const exited = new Promise<number | null>((resolve) => kastor.once('close', (code) => resolve(code)));
  process.kill(ready.pids.kastor, 'SIGINT');
  expect(await exited).toBe(0);
  expect(said).toContain('stopped; the data folder is kept');
  expect(() => process.kill(ready.pids.kas, 0)).toThrow();
}, 60_000);
