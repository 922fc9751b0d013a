/**
 * A whole kas as in production: GitLab, a Gitaly and a Redis behind it, time standing still until a test moves it. It begins
 * five minutes before Unix second 1,700,000,000, so what is kept for five minutes expires at that of the vectors.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBareRepository } from '../../src/cli/demo/sample-repositories.ts';
import { runKas, type RunningKas } from '../../src/kas/index.ts';
import { FakeGitaly } from '../fakes/gitaly/fake-gitaly.ts';
import { FakeRails } from '../fakes/rails/index.ts';
import { startRedisServer, type RedisServer } from '../fakes/redis-server.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { turn, until } from '../kas/waiting.ts';
import { GoAgent, modulePaths, paths, up } from './go-agent.ts';
import type { PeerStream } from './peer.ts';
import { bytes, int, message } from './protobuf.ts';

export const allPaths = { ...paths, ...modulePaths } as const;

const requests = {
  connect: up.descriptor(),
  configuration: int(3, 1),
  register: int(2, 1),
  objects: message(bytes(1, 'group/agents'), bytes(3, bytes(1, '*.yaml'))),
  flux: bytes(1, bytes(1, 'group/agents')),
} as const;
export type Rpc = keyof typeof requests;
export const rpcs = Object.keys(requests) as readonly Rpc[];

/** Calls that compress nothing. */
export const plain = { 'grpc-encoding': undefined } as const;

export class GitLabWorld {
  readonly folder: string;
  readonly redis: RedisServer;
  readonly gitaly: FakeGitaly;
  readonly rails: FakeRails;
  readonly clock: VirtualClock;
  readonly kas: RunningKas;
  #made = 0;

  private constructor(parts: Pick<GitLabWorld, 'folder' | 'redis' | 'gitaly' | 'rails' | 'clock' | 'kas'>) {
    this.folder = parts.folder;
    this.redis = parts.redis;
    this.gitaly = parts.gitaly;
    this.rails = parts.rails;
    this.clock = parts.clock;
    this.kas = parts.kas;
  }

  /** With these files in the agent's project, beside the agent's own; answers of GitLab are remembered for so long. */
  static async start(files: Readonly<Record<string, string>>, rememberedS = 0): Promise<GitLabWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'kastor-contract-'));
    await makeBareRepository(join(folder, 'repositories', '@hashed/7.git'), {
      '.gitlab/agents/prod/config.yaml': 'observability: { logging: { level: debug } }\n',
      ...files,
    });
    const clock = new VirtualClock(1_700_000_000_000 - 300_000);
    const redis = await startRedisServer({ unixSocket: true });
    const gitaly = await FakeGitaly.start({
      storages: { default: join(folder, 'repositories') },
      token: 'gitaly-token',
      listen: `unix:${join(folder, 'gitaly.socket')}`,
      now: () => clock.now(),
    });
    const rails = await FakeRails.start({ now: () => clock.now() });
    for (const project of rails.world.projects)
      project.gitaly = { address: gitaly.address, token: 'gitaly-token' };
    await writeFile(join(folder, 'secret'), rails.secret.toString('base64'));
    await writeFile(join(folder, 'private'), Buffer.alloc(32, 9).toString('base64'));
    const configurationFile = join(folder, 'kas.yaml');
    await writeFile(
      configurationFile,
      `gitlab: { address: "${rails.url}", authentication_secret_file: secret }
agent: { listen: { address: "127.0.0.1:0", listen_grace_period: "1s" }, info_cache_ttl: "${rememberedS}s", info_cache_error_ttl: "60s" }
observability: { listen: { address: "127.0.0.1:0" } }
redis: { network: unix, server: { address: "${redis.address}" } }
api: { listen: { address: "127.0.0.1:0", authentication_secret_file: secret, listen_grace_period: "1s" } }
private_api: { listen: { address: "127.0.0.1:0", authentication_secret_file: private, listen_grace_period: "1s" } }
`,
    );
    const kas = await runKas({ configurationFile, clock, random: new SeededRandom(1), logLevel: 'error' });
    return new GitLabWorld({ folder, redis, gitaly, rails, clock, kas });
  }

  /** An agent with a token of its own: what GitLab says of tokens and projects is remembered by their first half. */
  agent(): Promise<GoAgent> {
    const token = `${++this.#made}-agent-token`;
    this.rails.world.agents[0]?.tokens.add(token);
    return GoAgent.dial(this.kas.ports.agents, token);
  }

  /** Moves time on until it holds, at the pace of Redis: a busy machine must not make it seem silent. */
  async passes(condition: () => boolean | Promise<boolean>): Promise<void> {
    await until(async () => {
      await this.clock.advanceAsync(50);
      await this.redis.command('PING').catch(() => undefined); // a test may have stopped it
      return condition();
    });
  }

  async stop(): Promise<void> {
    let ended = false;
    void this.kas.ended.then(() => (ended = true));
    this.kas.stop('test');
    this.kas.stop('test');
    while (!ended) {
      await this.clock.advanceAsync(100);
      await turn();
    }
    await this.rails.stop();
    await this.gitaly[Symbol.asyncDispose]();
    await this.redis.stop();
    await rm(this.folder, { recursive: true });
  }
}

export function call(agent: GoAgent, rpc: Rpc, request: Buffer = requests[rpc]): PeerStream {
  return agent.call(allPaths[rpc], plain).send(request, { end: rpc !== 'connect' });
}
