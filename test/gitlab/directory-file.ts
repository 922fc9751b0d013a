/** Texts of directory files for tests. */
import { buildDirectory, type Directory } from '../../src/gitlab/embedded/directory.ts';
import { checkForm } from '../../src/gitlab/embedded/directory-schema.ts';
import { hashToken } from '../../src/gitlab/embedded/index.ts';

export const tokens = {
  agent: 'glagent-agent',
  agentNext: 'glagent-agent-next',
  otherAgent: 'glagent-other',
  alice: 'glpat-alice',
  bob: 'glpat-bob',
  job: 'job-token',
  plainJob: 'plain-job-token',
} as const;

/** A directory as JSON, which is YAML too: change what a test is about, write the rest as it is. */
export function directoryObject() {
  return {
    agents: [
      {
        id: 1,
        name: 'demo',
        project: 'demo/agents',
        token_hashes: [hashToken(tokens.agent), hashToken(tokens.agentNext)],
      },
      { id: 2, name: 'other', project: 'elsewhere/infra', token_hashes: [hashToken(tokens.otherAgent)] },
    ],
    projects: [
      {
        id: 1,
        path: 'demo/agents',
        repository: 'repositories/agents.git',
        default_branch: 'main',
        groups: [10],
      },
      { id: 2, path: 'demo/sub/App', repository: 'repositories/app.git', groups: [10, 11] },
      { id: 3, path: 'elsewhere/infra', repository: 'repositories/infra.git', groups: [12], public: true },
    ],
    users: [
      {
        id: 1,
        username: 'alice',
        token_hashes: [hashToken(tokens.alice)],
        projects: [{ id: 1, role: 'developer' }],
        groups: [{ id: 10, role: 'maintainer' }],
      },
      {
        id: 2,
        username: 'bob',
        token_hashes: [hashToken(tokens.bob)],
        projects: [{ id: 2, role: 'reporter' }],
      },
    ],
    groups: [
      { id: 10, path: 'demo' },
      { id: 11, path: 'demo/sub' },
      { id: 12, path: 'elsewhere' },
    ],
    jobs: [
      {
        token_hash: hashToken(tokens.job),
        id: 100,
        pipeline: 50,
        project: 'demo/sub/app',
        user: 'alice',
        environment: { slug: 'production', tier: 'production' },
      },
      { token_hash: hashToken(tokens.plainJob), id: 101, pipeline: 51, project: 'demo/agents', user: 'bob' },
    ],
  };
}

export function directoryText(
  change: (file: ReturnType<typeof directoryObject>) => object = (file) => file,
): string {
  return JSON.stringify(change(directoryObject()), null, 2);
}

/** The problems of a directory, as `path: text` lines; empty when it is sound. */
export function problemsOf(document: unknown): string[] {
  const form = checkForm(document);
  if (form.kind === 'invalid') return form.problems.map(({ path, text }) => `${path}: ${text}`);
  const outcome = buildDirectory(form.file, '/srv/kastor/directory.yaml');
  return outcome.kind === 'ok' ? [] : outcome.problems.map(({ path, text }) => `${path}: ${text}`);
}

export function directoryOf(document: unknown): Directory {
  const form = checkForm(document);
  if (form.kind === 'invalid') throw new Error(JSON.stringify(form.problems));
  const outcome = buildDirectory(form.file, '/srv/kastor/directory.yaml');
  if (outcome.kind === 'invalid') throw new Error(JSON.stringify(outcome.problems));
  return outcome.directory;
}
