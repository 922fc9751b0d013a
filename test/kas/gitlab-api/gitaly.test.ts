/** ListAgentConfigFiles of a whole kas over a Gitaly that GitLab names with the call. */
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { methods } from '../../../src/protocol/index.ts';
import { FakeGitaly } from '../../fakes/gitaly/fake-gitaly.ts';
import { KasUnderTest, secrets } from '../kas-under-test.ts';
import { RailsClient } from './rails-client.ts';

let kas: KasUnderTest;
let gitaly: FakeGitaly;
let rails: RailsClient;

beforeEach(async () => {
  kas = await KasUnderTest.start({ apis: true });
  const storages = { default: kas.folder };
  gitaly = await FakeGitaly.start({ storages, token: 'gitaly-token', now: () => kas.clock.now() });
  rails = new RailsClient(kas.ports.api, secrets.api, () => kas.clock.now());
});

afterEach(async () => {
  rails.close();
  await gitaly[Symbol.asyncDispose]();
  await kas.finish();
});

interface Asked {
  readonly defaultBranch?: string;
  readonly token?: string;
  readonly relativePath?: string;
  readonly address?: string;
}

function ask({
  defaultBranch = '',
  token = 'gitaly-token',
  relativePath = 'agents.git',
  address,
}: Asked = {}) {
  return rails.call(methods.listAgentConfigFiles, {
    repository: {
      storageName: 'default',
      relativePath,
      glRepository: 'project-1',
      glProjectPath: 'demo/agents',
    },
    gitalyInfo: { address: address ?? gitaly.address, token, features: { 'gitaly-feature-x': 'true' } },
    defaultBranch,
  });
}

describe('configuration files on a Gitaly', () => {
  it.each(['', 'main', 'refs/heads/main'])('are found on the branch %j', async (defaultBranch) => {
    const { code, message } = await ask({ defaultBranch });
    expect(code).toBe(0);
    expect(message?.configFiles.map(({ name, agentName }) => [name, agentName])).toEqual([
      ['.gitlab/agents/demo/config.yaml', 'demo'],
    ]);
    expect(gitaly.calls).toMatchObject([
      { method: 'GetTreeEntries', metadata: { 'gitaly-feature-x': 'true' } },
    ]);
  });

  it.each(['14', '16.5', '16.8'] as const)(
    'of a branch that is not there are none (Gitaly %s)',
    async (version) => {
      gitaly.version = version;
      const { code, message } = await ask({ defaultBranch: 'gone' });
      expect([code, message?.configFiles]).toEqual([0, []]);
    },
  );

  it('cannot be listed with a wrong token, from a Gitaly that fails, or from none', async () => {
    gitaly.misbehave('GetTreeEntries', { kind: 'status', code: 14, message: 'overloaded' });
    const failing = await ask();
    gitaly.misbehave('GetTreeEntries', undefined);
    for (const reply of [failing, await ask({ token: 'wrong' }), await ask({ address: 'ftp://x' })])
      expect(reply).toMatchObject({
        code: grpc.status.UNAVAILABLE,
        details: expect.stringMatching(/^PathFetcher: RpcError: GetTreeEntries: RPC failed: /) as string,
      });
    expect((await ask()).code).toBe(0);
  });

  it('of a repository Gitaly takes for an invalid question are one to GitLab', async () => {
    gitaly.misbehave('GetTreeEntries', { kind: 'status', code: 3, message: 'bad repository' });
    expect(await ask()).toMatchObject({
      code: grpc.status.INVALID_ARGUMENT,
      details: expect.stringContaining('bad repository') as string,
    });
  });
});
