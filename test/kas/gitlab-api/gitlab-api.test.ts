/** What GitLab is answered, code by code (`spec/wire.md §10`, `§11.2`). */
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { ConnectedAgent, PushEvent, TreeListing } from '../../../src/ports/index.ts';
import { methods } from '../../../src/protocol/index.ts';
import { ApiUnderTest } from './api-under-test.ts';

let api: ApiUnderTest;
afterEach(() => api[Symbol.asyncDispose]());

const down = () => Promise.reject(new Error('connection refused'));
const byAgent = (agentId: bigint) => ({ request: { case: 'agentId', value: agentId } }) as const;
const byProject = (projectId: bigint) => ({ request: { case: 'projectId', value: projectId } }) as const;
const event = (id: bigint, fullPath: string) => ({ event: { project: { id, fullPath } } });

function connected(agentId: bigint, connectionId: bigint, projectId = 7n): ConnectedAgent {
  return {
    agentId,
    projectId,
    connectionId,
    connectedAt: Date.UTC(2026, 0, 1, 12, 0, 0, 250),
    version: 'v16.5.0',
    commitId: 'abc',
    podNamespace: 'ns',
    podName: `pod-${connectionId}`,
    kubernetes: { major: '1', minor: '30', gitVersion: 'v1.30.1', platform: 'linux/amd64' },
    incarnation: 1,
  };
}

describe('a caller of the API', () => {
  it('is refused without a good token, whatever it asks', async () => {
    api = await ApiUnderTest.start();
    const { rails } = api;
    const nowS = Math.floor(api.clock.now() / 1000);
    const jwt = (claims: object, secret?: Buffer) => `bearer ${rails.token(claims, secret)}`;
    const unauthenticated = 'Request unauthenticated with bearer';
    const table = [
      ['', unauthenticated],
      ['basic abc', unauthenticated],
      ['bearer', 'Bad authorization string'],
      ['bearer abc', 'JWT validation failed'],
      ['bearer a.b.c', 'JWT validation failed'],
      [jwt({}, Buffer.alloc(32, 6)), 'JWT validation failed'],
      [jwt({ aud: 'gitlab' }), 'JWT validation failed'],
      [jwt({ aud: undefined }), 'JWT validation failed'],
      [jwt({ exp: nowS }), 'JWT validation failed'],
      [jwt({ nbf: nowS + 1 }), 'JWT validation failed'],
    ] as const;
    for (const [authorization, details] of table)
      expect(await rails.call(methods.getConnectedAgents, byAgent(1n), authorization)).toMatchObject({
        code: grpc.status.UNAUTHENTICATED,
        details,
      });
    for (const reply of [
      rails.call(methods.listAgentConfigFiles, {}, 'bearer x'),
      rails.call(methods.gitPushEvent, {}, 'bearer x'),
      rails.call(methods.getConnectedAgentsByAgentIDs, {}, 'bearer x'),
      rails.call(methods.getConnectedAgentksByAgentIDs, {}, 'bearer x'),
    ])
      expect(await reply).toMatchObject({ details: 'JWT validation failed' });
    expect(api.log.text).not.toContain(rails.token().slice(-20));
  });

  it.each([
    ['any issuer', { iss: 'gitlab' }],
    ['no issuer', { iss: undefined }],
    ['several audiences', { aud: ['x', 'gitlab-kas'] }],
    ['no times', { exp: undefined, nbf: undefined, iat: undefined }],
  ])('is served with %s', async (_name, claims) => {
    api = await ApiUnderTest.start();
    const authorization = `Bearer ${api.rails.token(claims)}`;
    expect((await api.rails.call(methods.getConnectedAgents, byAgent(1n), authorization)).code).toBe(0);
  });

  it('that asks for what is not there is told so', async () => {
    api = await ApiUnderTest.start();
    const other = {
      ...methods.getConnectedAgents,
      path: '/gitlab.agent.agent_tracker.rpc.AgentTracker/Other',
    };
    expect(await api.rails.call(other, byAgent(1n))).toMatchObject({
      code: grpc.status.UNIMPLEMENTED,
      details: 'unknown method Other for service gitlab.agent.agent_tracker.rpc.AgentTracker',
    });
    expect(await api.rails.call(methods.register, {})).toMatchObject({
      code: grpc.status.UNIMPLEMENTED,
      details: 'unknown service gitlab.agent.agent_registrar.rpc.AgentRegistrar',
    });
  });

  it('keeps its connection while it shows good tokens; one that never does loses it', async () => {
    api = await ApiUnderTest.start();
    const call = () => api.rails.call(methods.getConnectedAgents, byAgent(1n), 'bearer x');
    await call();
    for (let passedS = 0; passedS < 110; passedS += 10) {
      await api.clock.advanceAsync(10_000);
      await call(); // time in which pings are answered
    }
    expect(api.connections.count).toBe(1);
    await api.clock.advanceAsync(10_000);
    while (api.connections.count > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await api.rails.call(methods.getConnectedAgents, byAgent(1n))).code).toBe(0);
  });

  it('finishes its call when kas stops, and gets no other', async () => {
    let answer: (agents: readonly ConnectedAgent[]) => void = () => {};
    const asked = new Promise<readonly ConnectedAgent[]>((resolve) => (answer = resolve));
    api = await ApiUnderTest.start({ store: { agentsById: () => asked } });
    const { rails } = api;
    const reply = rails.call(methods.getConnectedAgents, byAgent(1n));
    while (api.connections.count === 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    let drained = false;
    const draining = api.drain().then(() => (drained = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(drained).toBe(false);
    answer([connected(1n, 1n)]);
    expect((await reply).message?.agents).toHaveLength(1);
    await draining;
    expect((await rails.call(methods.getConnectedAgents, byAgent(1n))).code).toBe(grpc.status.UNAVAILABLE);
  });
});

describe('connected agents', () => {
  it('are told by agent and by project, each pod with all that is known of it', async () => {
    api = await ApiUnderTest.start();
    for (const one of [connected(1n, 10n), connected(1n, 11n), connected(2n, 12n), connected(3n, 13n, 8n)])
      await api.store.registerAgent(one, 300_000);
    const one = await api.rails.call(methods.getConnectedAgents, byAgent(1n));
    expect(one.message?.agents.map(({ connectionId }) => connectionId)).toEqual([10n, 11n]);
    expect(one.message?.agents[0]).toMatchObject({
      agentId: 1n,
      projectId: 7n,
      connectionId: 10n,
      connectedAt: { seconds: BigInt(Date.UTC(2026, 0, 1, 12) / 1000), nanos: 250_000_000 },
      agentMeta: {
        version: 'v16.5.0',
        commitId: 'abc',
        podNamespace: 'ns',
        podName: 'pod-10',
        kubernetesVersion: { major: '1', minor: '30', gitVersion: 'v1.30.1', platform: 'linux/amd64' },
      },
    });
    const project = await api.rails.call(methods.getConnectedAgents, byProject(7n));
    expect(project.message?.agents.map(({ agentId }) => agentId)).toEqual([1n, 1n, 2n]);
    expect((await api.rails.call(methods.getConnectedAgents, byAgent(99n))).message?.agents).toEqual([]);
    expect((await api.rails.call(methods.getConnectedAgents, byAgent(0n))).message?.agents).toEqual([]);
  });

  it.each(['GetConnectedAgentsByAgentIDs', 'GetConnectedAgentksByAgentIDs'])(
    'are told for many agents under the newer name %s',
    async (name) => {
      const path = `/gitlab.agent.agent_tracker.rpc.AgentTracker/${name}`;
      const method = { ...methods.getConnectedAgentsByAgentIDs, path };
      api = await ApiUnderTest.start();
      for (const one of [connected(1n, 10n), connected(2n, 12n), connected(3n, 13n)])
        await api.store.registerAgent(one, 300_000);
      const { message } = await api.rails.call(method, { agentIds: [1n, 3n, 1n, 99n] });
      expect(message?.agents.map(({ agentId }) => agentId)).toEqual([1n, 3n]);
      expect((await api.rails.call(method, {})).message?.agents).toEqual([]);
      const many = Array.from({ length: 1001 }, (_, index) => BigInt(index));
      expect((await api.rails.call(method, { agentIds: many })).code).toBe(grpc.status.INVALID_ARGUMENT);
    },
  );

  it('that do not say what they are asked about are refused with the violation', async () => {
    api = await ApiUnderTest.start();
    expect(await api.rails.call(methods.getConnectedAgents, {})).toMatchObject({
      code: grpc.status.INVALID_ARGUMENT,
      details: 'invalid GetConnectedAgentsRequest.Request: value is required',
    });
  });

  it('cannot be told without the store, which is no empty list', async () => {
    api = await ApiUnderTest.start({ store: { agentsById: down, agentsByProject: down } });
    const answers = [
      [await api.rails.call(methods.getConnectedAgents, byAgent(1n)), 'GetConnectionsByAgentId() failed'],
      [await api.rails.call(methods.getConnectedAgents, byProject(1n)), 'GetConnectionsByProjectId() failed'],
      [
        await api.rails.call(methods.getConnectedAgentsByAgentIDs, { agentIds: [1n] }),
        'GetConnectionsByAgentId() failed',
      ],
    ] as const;
    for (const [reply, details] of answers)
      expect(reply).toMatchObject({ code: grpc.status.UNAVAILABLE, details });
    expect(api.log.text).toContain('error GetConnectionsByAgentId() failed');
  });
});

describe('configuration files', () => {
  const repository = {
    storageName: 'default',
    relativePath: '@hashed/a.git',
    glRepository: 'project-7',
    glProjectPath: 'g/p',
    gitObjectDirectory: 'objects',
    gitAlternateObjectDirectories: ['../pool/objects'],
  };
  const gitalyInfo = { address: 'tcp://gitaly:1', token: 'secret', features: { 'gitaly-feature-x': 'true' } };
  const ask = (defaultBranch = '') =>
    api.rails.call(methods.listAgentConfigFiles, { repository, gitalyInfo, defaultBranch });
  const blob = (path: string) => ({ path, type: 'blob', oid: 'o' }) as const;

  it('are the files that are in the right place, with the name of the agent', async () => {
    api = await ApiUnderTest.start();
    api.git.listing = {
      kind: 'tree',
      entries: [
        { path: '.gitlab/agents/a', type: 'tree', oid: 'o' },
        blob('.gitlab/agents/a/config.yaml'),
        blob('.gitlab/agents/a-1b/config.yaml'),
        blob('.gitlab/agents/a/config.yml'),
        blob('.gitlab/agents/a/b/config.yaml'),
        blob('.gitlab/agents/-a/config.yaml'),
        blob('.gitlab/agents/a-/config.yaml'),
        blob('.gitlab/agents/A/config.yaml'),
        blob('x/.gitlab/agents/a/config.yaml'),
        blob('.gitlab/agents/a\n/config.yaml'),
        { path: '.gitlab/agents/sub/config.yaml', type: 'commit', oid: 'o' },
      ],
    };
    const { message } = await ask();
    expect(message?.configFiles.map(({ name, agentName }) => [name, agentName])).toEqual([
      ['.gitlab/agents/a/config.yaml', 'a'],
      ['.gitlab/agents/a-1b/config.yaml', 'a-1b'],
    ]);
    expect(api.git.asked).toEqual([
      {
        repository: {
          projectPath: 'g/p',
          location: {
            kind: 'gitaly',
            ...gitalyInfo,
            storageName: 'default',
            relativePath: '@hashed/a.git',
            glRepository: 'project-7',
            gitObjectDirectory: 'objects',
            gitAlternateObjectDirectories: ['../pool/objects'],
          },
        },
        revision: 'HEAD',
        path: '.gitlab/agents',
        recursive: true,
      },
    ]);
  });

  it.each([
    ['', 'HEAD'],
    ['main', 'refs/heads/main'],
    ['refs/heads/main', 'refs/heads/main'],
    ['refs/tags/x', 'refs/heads/refs/tags/x'],
  ])('of the branch %j are looked for at %s', async (branch, revision) => {
    api = await ApiUnderTest.start();
    await ask(branch);
    expect(api.git.asked[0]?.revision).toBe(revision);
  });

  it.each<[TreeListing['kind'], TreeListing, number, string]>([
    ['notFound', { kind: 'notFound', reason: 'x' }, 0, ''],
    [
      'invalid',
      { kind: 'invalid', reason: 'bad revision' },
      grpc.status.INVALID_ARGUMENT,
      'PathFetcher: InvalidArgument: GetTreeEntries: invalid argument: bad revision',
    ],
    [
      'unavailable',
      { kind: 'unavailable', reason: 'dial failed' },
      grpc.status.UNAVAILABLE,
      'PathFetcher: RpcError: GetTreeEntries: RPC failed: dial failed',
    ],
    [
      'tooBig',
      { kind: 'tooBig', reason: 'more than 50000 entries' },
      grpc.status.UNAVAILABLE,
      'PathFetcher: FileTooBig: GetTreeEntries: file is too big: more than 50000 entries',
    ],
  ])('of a repository that answers %s', async (_kind, listing, code, details) => {
    api = await ApiUnderTest.start();
    api.git.listing = listing;
    const reply = await ask();
    expect(reply).toMatchObject({ code, details });
    if (code === 0) expect(reply.message?.configFiles).toEqual([]);
    expect(api.log.text).not.toContain('secret');
  });

  it('of a repository that is not named are refused with all violations', async () => {
    api = await ApiUnderTest.start();
    const reply = await api.rails.call(methods.listAgentConfigFiles, { repository: {} });
    expect(reply.code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(reply.details).toContain(
      'invalid ListAgentConfigFilesRequest.Repository: embedded message failed validation',
    );
    expect(reply.details).toContain('invalid ListAgentConfigFilesRequest.GitalyInfo: value is required');
  });
});

describe('a push', () => {
  it('is told to those who listen before GitLab is answered', async () => {
    api = await ApiUnderTest.start();
    const heard: PushEvent[] = [];
    api.pushEvents.subscribe((pushed) => heard.push(pushed));
    expect(await api.rails.call(methods.gitPushEvent, event(7n, 'group/project'))).toMatchObject({ code: 0 });
    expect(heard).toEqual([{ projectId: 7n, projectPath: 'group/project' }]);
  });

  it.each([
    ['at all', {}, 'invalid GitPushEventRequest.Event: value is required'],
    ['in its event', { event: {} }, /invalid GitPushEvent\.Project: value is required/],
    ['with an id', event(0n, 'p'), /invalid Project\.Id: value must be greater than 0/],
    ['with a path', event(1n, ''), /invalid Project\.FullPath: value length must be at least 1 bytes/],
  ])('without a project %s is refused', async (_what, request, details) => {
    api = await ApiUnderTest.start();
    expect(await api.rails.call(methods.gitPushEvent, request)).toMatchObject({
      code: grpc.status.INVALID_ARGUMENT,
      details: typeof details === 'string' ? details : (expect.stringMatching(details) as string),
    });
  });

  it('that cannot be told is GitLab to send again', async () => {
    api = await ApiUnderTest.start({ pushEvents: { publish: down, subscribe: () => () => {} } });
    expect(await api.rails.call(methods.gitPushEvent, event(7n, 'p'))).toMatchObject({
      code: grpc.status.UNAVAILABLE,
      details: 'Failed to publish received git push event: connection refused',
    });
  });
});
