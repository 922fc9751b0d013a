import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashToken } from '../../src/gitlab/embedded/index.ts';
import { directoryText, tokens } from './directory-file.ts';
import {
  configuration,
  endWorld,
  file,
  folder,
  git,
  log,
  makeWorld,
  never,
  open,
  repositoryOf,
} from './embedded-world.ts';

beforeEach(makeWorld);
afterEach(endWorld);

describe('the embedded GitLab', () => {
  beforeEach(() => writeFile(file, directoryText()));

  it('knows an agent by any of its tokens', async () => {
    const gitlab = await open();
    for (const token of [tokens.agent, tokens.agentNext]) {
      expect(await gitlab.agentInfo(token, never)).toEqual({
        kind: 'ok',
        value: {
          agentId: 1n,
          agentName: 'demo',
          projectId: 1n,
          defaultBranch: 'main',
          repository: {
            projectPath: 'demo/agents',
            location: { kind: 'local', gitDir: join(folder.path, 'repositories/agents.git') },
          },
        },
      });
    }
  });

  it('refuses unknown tokens, and hashes offered as tokens', async () => {
    const gitlab = await open();
    for (const token of ['', 'nobody', hashToken(tokens.agent), tokens.alice, tokens.job]) {
      expect((await gitlab.agentInfo(token, never)).kind).toBe('unauthenticated');
      expect((await gitlab.projectInfo(token, 'demo/agents', never)).kind).toBe('unauthenticated');
    }
    expect((await gitlab.allowedAgents(tokens.agent, never)).kind).toBe('unauthenticated');
  });

  it('opens public projects and the own configuration project to an agent, nothing else', async () => {
    const gitlab = await open();
    const kind = async (path: string) => (await gitlab.projectInfo(tokens.agent, path, never)).kind;
    expect(await kind('Demo/Agents')).toBe('ok');
    expect(await kind('elsewhere/infra')).toBe('ok');
    expect(await kind('demo/sub/app')).toBe('notFound');
    expect(await kind('no/where')).toBe('notFound');
    expect(await gitlab.projectInfo(tokens.agent, 'elsewhere/infra', never)).toMatchObject({
      value: { projectId: 3n, repository: { projectPath: 'elsewhere/infra' } },
    });
  });

  it('says yes or no to whether an agent may read a project', async () => {
    const gitlab = await open();
    const may = (token: string, path: string) => gitlab.verifyProjectAccess(token, path, never);
    expect(await may(tokens.agent, 'elsewhere/infra')).toEqual({ kind: 'ok', value: true });
    expect(await may(tokens.agent, 'demo/sub/app')).toEqual({ kind: 'ok', value: false });
    expect(await may('unknown', 'elsewhere/infra')).toEqual({ kind: 'ok', value: false });
  });

  it('answers modules of an agent with 404 and a clear text', async () => {
    const gitlab = await open();
    const moduleName = 'starboard\nvulnerability';
    const asked = {
      agentToken: tokens.agent,
      moduleName,
      method: 'GET',
      urlPath: '/policies_configuration',
      query: new Map<string, string[]>(),
      headers: [],
      body: undefined,
    };
    const result = await gitlab.moduleRequest(asked, never);
    if (result.kind !== 'ok') throw new Error(result.reason);
    const chunks: Uint8Array[] = [];
    for await (const chunk of result.value.body) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    expect(result.value.statusCode).toBe(404);
    expect(JSON.parse(body.toString())).toEqual({
      message:
        '404 Not Found: this kas works without a GitLab, so nothing answers module "starboard\\nvulnerability"',
    });
    expect(result.value.headers).toContain(String(body.length));
  });

  it('takes reports of agents it knows', async () => {
    const gitlab = await open();
    expect(await gitlab.reportAgentConfiguration(1n, {}, never)).toEqual({ kind: 'ok', value: undefined });
    expect((await gitlab.reportAgentConfiguration(9n, {}, never)).kind).toBe('notFound');
  });

  it('warns of a repository that is not there and works without it', async () => {
    const gitlab = await open();
    expect(gitlab.state().warnings[0]).toMatch(
      /project demo\/agents: there is no repository at .*agents\.git/,
    );
    expect(log.text).toContain('there is no repository at');
    expect(await gitlab.allowedAgents(tokens.plainJob, never)).toMatchObject({
      kind: 'ok',
      value: { allowedAgents: [{ agentId: 1n }] },
    });
  });

  it('tells a job who it is and which agents it may use, from the configuration files in Git', async () => {
    const agents = await repositoryOf('agents');
    await agents.commit({
      [configuration('demo')]:
        'ci_access: { groups: [{ id: demo, default_namespace: team, access_as: { ci_job: {} } }] }',
    });
    const gitlab = await open();
    expect(await gitlab.allowedAgents(tokens.job, never)).toEqual({
      kind: 'ok',
      value: {
        allowedAgents: [
          { agentId: 1n, configProjectId: 1n, defaultNamespace: 'team', accessAs: { kind: 'ciJob' } },
        ],
        jobId: 100n,
        pipelineId: 50n,
        projectId: 2n,
        groupIds: [11n, 10n],
        userId: 1n,
        username: 'alice',
        environment: { slug: 'production', tier: 'production' },
      },
    });
  });

  it('sees a new commit at once, and reads a configuration once per commit', async () => {
    const agents = await repositoryOf('agents');
    await agents.commit({ [configuration('demo')]: 'ci_access: { groups: [{ id: demo }] }' });
    const gitlab = await open();
    const allowed = async () => {
      const answer = await gitlab.allowedAgents(tokens.job, never);
      return answer.kind === 'ok' ? answer.value.allowedAgents.length : answer.kind;
    };
    expect([await allowed(), await allowed()]).toEqual([1, 1]);
    expect(git.filesRead).toBe(1);
    await agents.commit({ [configuration('demo')]: 'ci_access: {}' });
    expect(await allowed()).toBe(0);
    await agents.commit({ [configuration('demo')]: null, other: 'x' });
    expect(await allowed()).toBe(0);
    expect(git.filesRead).toBe(3);
  });

  it('asks Git once for many jobs at the same time', async () => {
    const agents = await repositoryOf('agents');
    await agents.commit({ [configuration('demo')]: 'ci_access: { groups: [{ id: demo }] }' });
    const gitlab = await open();
    await Promise.all(Array.from({ length: 20 }, () => gitlab.allowedAgents(tokens.job, never)));
    expect(git.filesRead).toBe(1);
    expect(git.refsResolved).toBe(2); // one per project with agents
  });

  it('keeps the last rules in force when the configuration breaks or Git fails, and says so once', async () => {
    const agents = await repositoryOf('agents');
    await agents.commit({ [configuration('demo')]: 'ci_access: { groups: [{ id: demo }] }' });
    const gitlab = await open();
    const allowed = async () => {
      const answer = await gitlab.allowedAgents(tokens.job, never);
      return answer.kind === 'ok' ? answer.value.allowedAgents.length : answer.kind;
    };
    expect(await allowed()).toBe(1);
    await agents.commit({ [configuration('demo')]: 'ci_acces: {}' });
    expect([await allowed(), await allowed()]).toEqual([1, 1]);
    expect(log.lines.filter(({ fields }) => fields['agent_id'] === 1n)).toHaveLength(1);
    git.down = true;
    expect(await allowed()).toBe(1);
    git.down = false;
    await agents.commit({ [configuration('demo')]: 'ci_access: {}' });
    expect(await allowed()).toBe(0);
  });

  it('lets the caller of a slow question go', async () => {
    const gitlab = await open();
    const gone = new AbortController();
    const answer = gitlab.allowedAgents(tokens.job, gone.signal);
    gone.abort();
    expect(await answer).toEqual({ kind: 'unavailable', reason: 'cancelled' });
  });
});

describe('people', () => {
  const request = (accessKey: string, agentId = 1n) =>
    ({ agentId, accessType: 'personal_access_token', accessKey, csrfToken: '' }) as const;

  beforeEach(() => writeFile(file, directoryText()));

  it('get in with their token when user_access lets them', async () => {
    const agents = await repositoryOf('agents');
    await agents.commit({
      [configuration('demo')]: 'user_access: { access_as: { agent: {} }, projects: [{ id: demo/agents }] }',
    });
    const gitlab = await open();
    expect(await gitlab.authorizeProxyUser(request(tokens.alice), never)).toEqual({
      kind: 'ok',
      value: { agentId: 1n, configProjectId: 1n, userId: 1n, username: 'alice', accessAs: { kind: 'agent' } },
    });
    expect((await gitlab.authorizeProxyUser(request(tokens.bob), never)).kind).toBe('forbidden');
    expect((await gitlab.authorizeProxyUser(request('nobody'), never)).kind).toBe('unauthenticated');
    expect((await gitlab.authorizeProxyUser(request(tokens.alice, 99n), never)).kind).toBe('notFound');
    const cookie = { ...request(tokens.alice), accessType: 'session_cookie' } as const;
    expect((await gitlab.authorizeProxyUser(cookie, never)).kind).toBe('unauthenticated');
  });

  it('are told to come again rather than refused while the configuration cannot be read', async () => {
    git.down = true;
    const gitlab = await open();
    expect((await gitlab.authorizeProxyUser(request(tokens.alice), never)).kind).toBe('unavailable');
  });
});
