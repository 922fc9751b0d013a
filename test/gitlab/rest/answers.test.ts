/** What kas asks GitLab and makes of its answers when all is well: every call of `spec/gitlab.md §1`. */
import { describe, expect, it } from 'vitest';
import { railsProject } from '../../fakes/rails/index.ts';
import { ImpatientClock, never, restWorld } from './rest-world.ts';

const fresh = (options: Parameters<typeof restWorld>[1] = {}) => restWorld(new ImpatientClock(), options);

describe('agent_info', () => {
  it('tells who the agent is and where its repository is', async () => {
    await using world = await fresh();
    const gitaly = { address: 'tcp://gitaly:8075', token: 'g', features: { 'gitaly-feature-a': 'true' } };
    world.rails.world.projects.push(railsProject(70, 'group/sub/conf', { gitaly, defaultBranch: 'trunk' }));
    world.rails.world.agents.push({ id: 6, name: 'edge', projectId: 70, tokens: new Set(['t6']) });
    expect(await world.gitlab.agentInfo('t6', never)).toEqual({
      kind: 'ok',
      value: {
        agentId: 6n,
        agentName: 'edge',
        projectId: 70n,
        defaultBranch: 'trunk',
        repository: {
          projectPath: 'group/sub/conf',
          location: {
            kind: 'gitaly',
            ...gitaly,
            storageName: 'default',
            relativePath: '@hashed/70.git',
            glRepository: 'project-70',
          },
        },
      },
    });
  });

  it('carries the token of the agent in all three places, and a fresh signature', async () => {
    await using world = await fresh();
    await world.gitlab.agentInfo('agent-token', never);
    await world.gitlab.agentInfo('agent-token', never);
    expect(world.rails.requests()[0]?.headers).toMatchObject({
      authorization: 'Bearer agent-token',
      'gitlab-agentk-api-request': 'agent-token',
      'gitlab-agent-api-request': 'agent-token',
      accept: 'application/json',
      'user-agent': 'gitlab-kas/v16.5.0/abcdef12',
    });
    expect(world.rails.requests()[0]?.headers['gitlab-kas-api-request']).toMatch(
      /^ey[\w-]+\.[\w-]+\.[\w-]+$/,
    );
    expect(world.rails.requests()[0]?.target).toBe('/api/v4/internal/kubernetes/agent_info');
  });

  it.each(['old', 'middle', 'newest'] as const)('is had from a GitLab that is %s', async (age) => {
    await using world = await fresh({ rails: { age } });
    for (let n = 0; n < 2; n += 1) {
      expect(await world.gitlab.agentInfo('agent-token', never)).toMatchObject({ value: { agentId: 5n } });
    }
    const paths = world.rails.requests().map(({ path }) => path.replace('/api/v4/internal/', ''));
    const [usual, later] = ['kubernetes/agent_info', 'agents/agentk/agent_info'];
    // The newer path is found once and kept; a bearer there would be taken for a person's token.
    expect(paths).toEqual(age === 'newest' ? [usual, later, later] : [usual, usual]);
  });

  it('is asked on the usual path again when the newer one has gone', async () => {
    await using world = await fresh({ rails: { age: 'newest' } });
    await world.gitlab.agentInfo('agent-token', never);
    world.rails.age = 'old';
    expect((await world.gitlab.agentInfo('agent-token', never)).kind).toBe('ok');
  });

  it('of an unknown agent is no reason to try the other path', async () => {
    await using world = await fresh();
    expect((await world.gitlab.agentInfo('revoked', never)).kind).toBe('unauthenticated');
    expect(world.rails.requests()).toHaveLength(1);
  });
});

describe('a project', () => {
  it('is told of by its path when the agent may read it', async () => {
    await using world = await fresh();
    const ask = (path: string) => world.gitlab.projectInfo('agent-token', path, never);
    expect(await ask('group/public')).toMatchObject({
      kind: 'ok',
      value: { projectId: 8n, defaultBranch: 'main', repository: { projectPath: 'group/public' } },
    });
    expect((await ask('group/agents')).kind).toBe('ok');
    expect((await ask('group/private')).kind).toBe('notFound');
    expect(world.rails.requests()[0]?.target).toBe(
      '/api/v4/internal/kubernetes/project_info?id=group%2Fpublic',
    );
  });

  it('may be read or not, and both are answers', async () => {
    await using world = await fresh();
    const ask = (path: string, token = 'agent-token') => world.gitlab.verifyProjectAccess(token, path, never);
    expect(await ask('group/public')).toEqual({ kind: 'ok', value: true });
    expect(await ask('group/private')).toEqual({ kind: 'ok', value: false });
    expect(await ask('group/public', 'revoked')).toEqual({ kind: 'ok', value: false });
    world.rails.trouble('verify_project_access', { kind: 'status', status: 403 });
    expect(await ask('group/public')).toEqual({ kind: 'ok', value: false });
    world.rails.trouble('verify_project_access', { kind: 'status', status: 200, json: {} });
    expect(await ask('group/private')).toEqual({ kind: 'ok', value: true });
  });
});

describe('allowed_agents', () => {
  it('tells who the job is and which agents it may use', async () => {
    await using world = await fresh();
    const impersonate = { username: 'u', uid: '1', groups: ['g'], extra: [{ key: 'k', val: ['v'] }] };
    const job = world.rails.world.jobs[0];
    if (job === undefined) throw new Error('no job');
    world.rails.world.jobs.push({
      ...job,
      token: 'job-2',
      grants: [
        { agentId: 5, configuration: {} },
        { agentId: 5, configuration: { access_as: { agent: {} } } },
        {
          agentId: 5,
          configuration: { default_namespace: 'n', access_as: { ci_job: {} }, environments: ['x/*'] },
        },
        { agentId: 5, configuration: { access_as: { impersonate } } },
      ],
    });
    expect(await world.gitlab.allowedAgents('job-2', never)).toEqual({
      kind: 'ok',
      value: {
        jobId: 3n,
        pipelineId: 6n,
        projectId: 150n,
        groupIds: [23n, 25n],
        userId: 1n,
        username: 'ada',
        environment: { slug: 'prod', tier: 'production' },
        allowedAgents: [
          { accessAs: { kind: 'agent' }, defaultNamespace: '' },
          { accessAs: { kind: 'agent' }, defaultNamespace: '' },
          { accessAs: { kind: 'ciJob' }, defaultNamespace: 'n' },
          { accessAs: { kind: 'impersonate', ...impersonate }, defaultNamespace: '' },
        ].map((one) => ({ agentId: 5n, configProjectId: 7n, ...one })),
      },
    });
  });

  it('is asked with the token of the job alone', async () => {
    await using world = await fresh();
    await world.gitlab.allowedAgents('job-token', never);
    const [request] = world.rails.requests();
    expect(request?.headers['job-token']).toBe('job-token');
    const names = Object.keys(request?.headers ?? {}).sort();
    expect(names).toEqual(['accept', 'connection', 'host', 'job-token', 'user-agent']);
  });

  it('knows jobs without an environment', async () => {
    await using world = await fresh();
    const [job] = world.rails.world.jobs;
    if (job === undefined) throw new Error('no job');
    const { environment: _none, ...plain } = job;
    world.rails.world.jobs.push({ ...plain, token: 'plain' });
    const result = await world.gitlab.allowedAgents('plain', never);
    expect(result.kind === 'ok' && 'environment' in result.value).toBe(false);
  });

  it('grants nothing when an agent is to be used in a way this kas does not know', async () => {
    await using world = await fresh();
    const [job] = world.rails.world.jobs;
    if (job === undefined) throw new Error('no job');
    const grants = [{ agentId: 5, configuration: { access_as: { robot: {} } } }];
    world.rails.world.jobs.push({ ...job, token: 'later', grants });
    expect((await world.gitlab.allowedAgents('later', never)).kind).toBe('unavailable');
  });
});

describe('authorize_proxy_user', () => {
  const pat = {
    agentId: 5n,
    accessType: 'personal_access_token',
    accessKey: 'glpat-ada',
    csrfToken: '',
  } as const;

  it('lets a person in as the agent', async () => {
    await using world = await fresh();
    expect(await world.gitlab.authorizeProxyUser(pat, never)).toEqual({
      kind: 'ok',
      value: { agentId: 5n, configProjectId: 7n, userId: 1n, username: 'ada', accessAs: { kind: 'agent' } },
    });
    expect(world.rails.requests()[0]?.json).toEqual({
      agent_id: '5',
      access_type: 'personal_access_token',
      access_key: 'glpat-ada',
    });
  });

  it('lets a browser in as the person, with the roles of newer GitLabs too', async () => {
    await using world = await fresh();
    const access = {
      projects: [{ id: 150, roles: ['guest', 'planner', 'developer'] }],
      groups: [{ id: 25, roles: ['owner'] }],
    };
    world.rails.world.users[0]?.accessAs.set(5, { user: access });
    const cookie = {
      ...pat,
      accessType: 'session_cookie',
      accessKey: 'cookie-ada',
      csrfToken: 'csrf-ada',
    } as const;
    expect(await world.gitlab.authorizeProxyUser(cookie, never)).toMatchObject({
      value: {
        accessAs: {
          kind: 'user',
          projects: [{ id: 150n, roles: ['guest', 'planner', 'developer'] }],
          groups: [{ id: 25n, roles: ['owner'] }],
        },
      },
    });
    expect(world.rails.requests()[0]?.json).toMatchObject({ csrf_token: 'csrf-ada' });
  });

  it('lets nobody in whose way in is not known here', async () => {
    await using world = await fresh();
    for (const accessAs of [{}, { robot: {} }]) {
      world.rails.world.users[0]?.accessAs.set(5, accessAs);
      expect((await world.gitlab.authorizeProxyUser(pat, never)).kind).toBe('unavailable');
    }
  });

  it('does not ask about an agent that cannot be', async () => {
    await using world = await fresh();
    expect((await world.gitlab.authorizeProxyUser({ ...pat, agentId: 0n }, never)).kind).toBe('notFound');
    expect(world.rails.requests()).toEqual([]);
  });
});

describe('reports', () => {
  it('of a configuration carry the id as text and the file as it is', async () => {
    await using world = await fresh();
    const file = { ci_access: { projects: [{ id: 'a/b' }] }, container_scanning: { cadence: '0 1 * * *' } };
    expect(await world.gitlab.reportAgentConfiguration(5n, file, never)).toEqual({
      kind: 'ok',
      value: undefined,
    });
    expect((await world.gitlab.reportAgentConfiguration(99n, file, never)).kind).toBe('notFound');
    const [request] = world.rails.requests();
    expect(request?.json).toEqual({ agent_id: '5', agent_config: file });
    expect(request?.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(request?.headers['authorization']).toBeUndefined();
  });

  it('of usage carry plain numbers, and no empty map', async () => {
    await using world = await fresh();
    const uniqueCounters = { agent_users_using_ci_tunnel: [7n, 8n] };
    expect(
      (await world.gitlab.reportUsage({ counters: { gitops_sync: 2 }, uniqueCounters }, never)).kind,
    ).toBe('ok');
    await world.gitlab.reportUsage({ counters: { gitops_sync: 1 }, uniqueCounters: {} }, never);
    expect(world.rails.requests('usage_metrics').map(({ json }) => json)).toEqual([
      { counters: { gitops_sync: 2 }, unique_counters: { agent_users_using_ci_tunnel: [7, 8] } },
      { counters: { gitops_sync: 1 } },
    ]);
  });

  it('of events are known to newer GitLabs only', async () => {
    await using world = await fresh({ rails: { age: 'newest' } });
    const events = { some_event: [{ user_id: 1n, project_id: 2n }] };
    expect((await world.gitlab.reportEvents(events, never)).kind).toBe('ok');
    expect(world.rails.requests()[0]?.json).toEqual({
      events: { some_event: [{ user_id: 1, project_id: 2 }] },
    });
    world.rails.age = 'middle';
    expect((await world.gitlab.reportEvents(events, never)).kind).toBe('notFound');
  });
});
