/** What `gitops-soak.ts` runs: one kas, real bare repositories, the cluster and the agents in processes of their own. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import git from 'isomorphic-git';
import { findPort } from '../src/cli/demo/ports.ts';
import { makeBareRepository } from '../src/cli/demo/sample-repositories.ts';
import { hashToken, newToken } from '../src/gitlab/embedded/index.ts';
import { Inspected, inspectable } from './inspected.ts';
import { Parts, type Part } from './processes.ts';

export interface Watched {
  readonly name: string;
  readonly part: Part;
  readonly inspected: Inspected;
}

export interface SoakWorld {
  readonly kas: Watched;
  readonly agents: readonly Watched[];
  readonly cluster: Part & { readonly url: string; readonly token: string };
  readonly observability: number;
  /** A commit to the repository of an agent; answers its id. */
  push(agent: number, round: number): Promise<string>;
  close(): Promise<void>;
}

const kasReadyMsMax = 60_000;
const author = { name: 'Soak', email: 'soak@example.invalid', timestamp: 1_700_000_000, timezoneOffset: 0 };

export async function openSoakWorld(count: number, processes: number): Promise<SoakWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'kastor-soak-'));
  const parts = new Parts();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      parts.killAll();
      process.exit(130);
    });
  }
  const numbers = Array.from({ length: count }, (_, n) => n + 1);
  const tokens = new Map(numbers.map((n) => [n, newToken('kastor-agent-')]));
  await writeRepositories(folder, numbers);
  await writeFile(join(folder, 'gitlab.yaml'), directoryOf(tokens));
  const [kasPort, observability] = [(await findPort(0)).port, (await findPort(0)).port];
  await writeFile(join(folder, 'kas.yaml'), configurationOf(kasPort, observability));
  const started = async (name: string, script: string, args: readonly string[]): Promise<Watched> => {
    const { port } = await findPort(0);
    const part = parts.start(name, script, args, inspectable(port));
    return { name, part, inspected: await Inspected.open(port, part.pid) };
  };
  const kas = await started('kas', '../src/cli/kas.ts', ['--configuration-file', join(folder, 'kas.yaml')]);
  await ready(kas.part, observability);
  const clusterPart = parts.start('cluster', './gitops-soak-cluster.ts', [JSON.stringify({ agents: count })]);
  const { url, token } = await clusterPart.answer<{ url: string; token: string }>();
  const agents: Watched[] = [];
  for (let nth = 0; nth < processes; nth += 1) {
    const own = numbers.filter((n) => n % processes === nth).map((n) => ({ n, token: tokens.get(n) ?? '' }));
    const plan = JSON.stringify({ kasPort, server: url, serverToken: token, agents: own });
    agents.push(await started(`agents ${nth + 1}`, './gitops-soak-agents.ts', [plan]));
  }
  await Promise.all(agents.map(({ part }) => part.answer()));
  return {
    kas,
    agents,
    cluster: Object.assign(clusterPart, { url, token }),
    observability,
    push: (agent, round) => pushTo(join(folder, `manifests-${agent}.git`), agent, round),
    close: async () => {
      for (const { inspected } of [kas, ...agents]) inspected.close();
      await parts.endAll();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function ready(part: Part, observability: number): Promise<void> {
  const until = performance.now() + kasReadyMsMax;
  while (performance.now() < until) {
    const answer = await fetch(`http://127.0.0.1:${observability}/readiness`).catch(() => undefined);
    await answer?.text();
    if (answer?.ok === true) return;
    if (!part.alive) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`kas is not ready\n${part.lastWords}`);
}

async function writeRepositories(folder: string, numbers: readonly number[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files = numbers.map((n) => [`.gitlab/agents/soak-${n}/config.yaml`, agentConfiguration(n)] as const);
  await makeBareRepository(join(folder, 'agents.git'), Object.fromEntries(files));
  for (const n of numbers) await makeBareRepository(join(folder, `manifests-${n}.git`), manifestsOf(n, 0));
}

function agentConfiguration(n: number): string {
  return `gitops:
  manifest_projects:
    - id: soak/manifests-${n}
      default_namespace: agent-${n}
      prune_propagation_policy: background
`;
}

/** One object that changes with each round, one that stays, one that comes and goes; in each repository others, so that no two commits are the same. */
function manifestsOf(agent: number, round: number): Record<string, string> {
  const of = (name: string, value: number) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { value: "${agent}-${value}" }\n`;
  return {
    'changing.yaml': of('changing', round),
    'steady.yaml': of('steady', 0),
    ...(round % 2 === 1 ? { 'passing.yaml': of('passing', round) } : {}),
  };
}

async function pushTo(gitdir: string, agent: number, round: number): Promise<string> {
  const tree: { mode: string; path: string; oid: string; type: 'blob' }[] = [];
  for (const [path, text] of Object.entries(manifestsOf(agent, round))) {
    const oid = await git.writeBlob({ fs, gitdir, blob: Buffer.from(text) });
    tree.push({ mode: '100644', path, oid, type: 'blob' });
  }
  const parent = [await git.resolveRef({ fs, gitdir, ref: 'refs/heads/main' })];
  const written = await git.writeTree({ fs, gitdir, tree });
  const commit = { message: `${round}\n`, tree: written, parent, author, committer: author };
  const oid = await git.writeCommit({ fs, gitdir, commit });
  await git.writeRef({ fs, gitdir, ref: 'refs/heads/main', value: oid, force: true });
  return oid;
}

function directoryOf(tokens: ReadonlyMap<number, string>): string {
  const agents = [...tokens].map(
    ([n, token]) =>
      `  - { id: ${n}, name: soak-${n}, project: soak/agents, token_hashes: ["${hashToken(token)}"] }`,
  );
  const projects = [...tokens.keys()].map(
    (n) =>
      `  - { id: ${1_000 + n}, path: soak/manifests-${n}, repository: manifests-${n}.git, groups: [10], public: true }`,
  );
  return `agents:
${agents.join('\n')}
projects:
  - { id: 1, path: soak/agents, repository: agents.git, groups: [10] }
${projects.join('\n')}
groups:
  - { id: 10, path: soak }
`;
}

function configurationOf(agents: number, observability: number): string {
  return `standalone: { file: gitlab.yaml }
agent:
  listen: { address: 127.0.0.1:${agents} }
observability:
  listen: { address: 127.0.0.1:${observability} }
`;
}
