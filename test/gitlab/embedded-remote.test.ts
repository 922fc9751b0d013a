import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openGit } from '../../src/git/index.ts';
import { openEmbeddedGitLab } from '../../src/gitlab/embedded/index.ts';
import { createMetrics } from '../../src/host/index.ts';
import { parseAgentConfiguration } from '../../src/protocol/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { BareRepository, temporaryFolder } from '../git/bare-repository.ts';
import { GitHttpServer } from '../git/http/git-http-server.ts';
import { directoryObject, tokens } from './directory-file.ts';
import { silentLog } from './recording-log.ts';

const never = new AbortController().signal;

it('a team without GitLab reads configuration and access rules from a remote', async () => {
  await using folder = await temporaryFolder();
  await using server = await GitHttpServer.start(folder.path);
  const repo = await BareRepository.init(join(folder.path, 'agents.git'));
  await repo.commit({
    '.gitlab/agents/demo/config.yaml':
      'user_access:\n  access_as: {agent: {}}\n  projects: [{id: demo/agents}]\n',
  });
  await writeFile(join(folder.path, 'credentials'), 'reader:secret\n');
  const file = join(folder.path, 'directory.yaml');
  const object = directoryObject();
  const [first, ...others] = object.projects;
  const projects = [
    { ...first, repository: server.url('agents.git'), credentials_file: 'credentials' },
    ...others,
  ];
  await writeFile(file, JSON.stringify({ ...object, projects, trusted_hosts: ['127.0.0.1'] }));
  const clock = new VirtualClock();
  const git = await openGit({
    clock,
    random: new SeededRandom(1),
    log: silentLog,
    metrics: createMetrics({ processMetrics: false }).metrics,
    userAgent: 'gitlab-kas/v0.0.0/00000000',
    globalRate: { refillPerSecond: 30, bucketSize: 70 },
    perServerRate: { refillPerSecond: 15, bucketSize: 40 },
    environment: {},
  });
  const gitlab = await openEmbeddedGitLab({
    file,
    git,
    clock,
    log: silentLog,
    parseConfiguration: parseAgentConfiguration,
    watch: false,
  });
  try {
    const info = await gitlab.agentInfo(tokens.agent, never);
    if (info.kind !== 'ok') throw new Error(info.kind);
    const { repository } = info.value;
    const resolved = await git.resolveRef(repository, 'refs/heads/main', never);
    expect(resolved).toMatchObject({ kind: 'commit' });
    const request = {
      agentId: 1n,
      accessType: 'personal_access_token',
      accessKey: tokens.alice,
      csrfToken: '',
    } as const;
    expect(await gitlab.authorizeProxyUser(request, never)).toMatchObject({
      kind: 'ok',
      value: { username: 'alice' },
    });
    expect(new Set(server.requests.map(({ headers }) => headers.authorization))).toEqual(
      new Set([`Basic ${Buffer.from('reader:secret').toString('base64')}`]),
    );
  } finally {
    await gitlab.close();
    await git.close();
  }
});
