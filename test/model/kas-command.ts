/**
 * Any kas, given as a command, as the subject of a play: with a GitLab, a Gitaly and a Redis behind it, and a configuration
 * file that the original reads too.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { findPort } from '../../src/cli/demo/ports.ts';
import { makeBareRepository } from '../../src/cli/demo/sample-repositories.ts';
import { GoAgent } from '../contract/go-agent.ts';
import { FakeGitaly } from '../fakes/gitaly/fake-gitaly.ts';
import { FakeRails } from '../fakes/rails/index.ts';
import { startRedisServer } from '../fakes/redis-server.ts';
import { commitFile } from '../kas/commit-file.ts';
import { Program } from './command.ts';
import type { KasSubject } from './kas-play.ts';
import { WallPace } from './pace.ts';

export interface CommandKas extends KasSubject {
  /** What the program said. */
  readonly log: () => string;
  dispose(): Promise<void>;
}

const agentFile = '.gitlab/agents/prod/config.yaml';
const token = 'agent-token';
const startMsMax = 30_000;

/** What stands around a kas. */
async function surroundings(folder: string) {
  const repository = join(folder, 'repositories', '@hashed/7.git');
  await makeBareRepository(repository, { [agentFile]: 'observability: { logging: { level: info } }\n' });
  const redis = await startRedisServer({ unixSocket: true });
  const gitaly = await FakeGitaly.start({
    storages: { default: join(folder, 'repositories') },
    token: 'gitaly-token',
    listen: `unix:${join(folder, 'gitaly.socket')}`,
  });
  const rails = await FakeRails.start();
  for (const project of rails.world.projects)
    project.gitaly = { address: gitaly.address, token: 'gitaly-token' };
  await writeFile(join(folder, 'secret'), rails.secret.toString('base64'));
  return { repository, redis, gitaly, rails };
}

export async function commandKas(command: string): Promise<CommandKas> {
  const folder = await mkdtemp(join(tmpdir(), 'kastor-conformance-'));
  const { repository, redis, gitaly, rails } = await surroundings(folder);
  const port = async () => (await findPort(0)).port;
  const ports = {
    agents: await port(),
    proxy: await port(),
    api: await port(),
    peers: await port(),
    observability: await port(),
  };
  const secret = join(folder, 'secret');
  const file = join(folder, 'kas.yaml');
  await writeFile(
    file,
    `gitlab: { address: "${rails.url}", authentication_secret_file: "${secret}" }
agent:
  listen: { address: "127.0.0.1:${ports.agents}", listen_grace_period: "1s" }
  configuration: { poll_period: "2s" }
  info_cache_ttl: "1s"
  info_cache_error_ttl: "1s"
  kubernetes_api: { listen: { address: "127.0.0.1:${ports.proxy}", listen_grace_period: "1s" }, allowed_agent_cache_ttl: "1s", allowed_agent_cache_error_ttl: "1s" }
observability: { listen: { address: "127.0.0.1:${ports.observability}" } }
redis: { network: unix, server: { address: "${redis.address}" } }
api: { listen: { address: "127.0.0.1:${ports.api}", authentication_secret_file: "${secret}", listen_grace_period: "1s" } }
private_api: { listen: { address: "127.0.0.1:${ports.peers}", authentication_secret_file: "${secret}", listen_grace_period: "1s" } }
`,
  );
  const program = new Program(command, ['--configuration-file', file], {
    OWN_PRIVATE_API_URL: `grpc://127.0.0.1:${ports.peers}`,
  });
  const agents: GoAgent[] = [];
  const dispatcher = new Agent({ pipelining: 1 });
  const dispose = async () => {
    for (const agent of agents) agent.close();
    await dispatcher.destroy();
    await program.kill();
    await rails.stop();
    await gitaly[Symbol.asyncDispose]();
    await redis.stop();
    await rm(folder, { recursive: true });
  };
  try {
    for (const one of [ports.agents, ports.proxy]) await listening(one, program);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    pace: new WallPace(),
    proxy: `http://127.0.0.1:${ports.proxy}`,
    credentials: { authorization: 'Bearer ci:5:job-token' },
    dispatcher,
    pollMs: 20_000,
    memoryMs: 20_000,
    dial: async () => {
      const agent = await GoAgent.dial(ports.agents, token);
      agents.push(agent);
      return agent;
    },
    revoke: async () => void rails.world.agents[0]?.tokens.delete(token),
    grant: async () => void rails.world.agents[0]?.tokens.add(token),
    commit: (text) => commitFile(repository, agentFile, text),
    stop: () => program.stop(),
    get end() {
      return program.end;
    },
    log: () => program.log,
    dispose,
  };
}

async function listening(port: number, program: Program): Promise<void> {
  const end = performance.now() + startMsMax;
  while (!(await accepts(port))) {
    if (program.end !== undefined || performance.now() > end)
      throw new Error(`kas does not listen on ${port}:\n${program.log}`);
    await sleep(20);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
