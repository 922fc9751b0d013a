/**
 * The sample repositories of `kastor start`: an agent's configuration project and a manifest project, made as bare
 * repositories straight in their object stores, so that no git binary is needed. Existing repositories are left alone:
 * what a newcomer pushed there stays.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import git from 'isomorphic-git';

const author = {
  name: 'Kastor',
  email: 'kastor@example.invalid',
  timestamp: 1_760_000_000,
  timezoneOffset: 0,
};

const agentConfiguration = `# What this agent may do. Change it, commit, push: kas notices at once.
ci_access:
  projects:
    - id: demo/agents
      access_as:
        agent: {}
user_access:
  access_as:
    agent: {}
  projects:
    - id: demo/agents
# What is in these projects is kept in the cluster. Push a manifest to repositories/manifests.git and look.
gitops:
  manifest_projects:
    - id: demo/manifests
      default_namespace: demo
      paths:
        - glob: manifests/**/*.yaml
observability:
  logging:
    level: info
`;

const manifest = `apiVersion: v1
kind: ConfigMap
metadata:
  name: greeting
  namespace: demo
data:
  text: Hello from Git
`;

/** Makes both repositories under `folder` unless they exist; answers their folders. */
export async function makeSampleRepositories(
  folder: string,
): Promise<{ readonly configuration: string; readonly manifests: string }> {
  const configuration = join(folder, 'agents.git');
  const manifests = join(folder, 'manifests.git');
  await makeBareRepository(configuration, { '.gitlab/agents/demo/config.yaml': agentConfiguration });
  await makeBareRepository(manifests, { 'manifests/greeting.yaml': manifest });
  return { configuration, manifests };
}

/** A bare repository with one commit of these files on `main`. */
export async function makeBareRepository(
  gitdir: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  if (fs.existsSync(join(gitdir, 'HEAD'))) return;
  await git.init({ fs, gitdir, dir: gitdir, bare: true, defaultBranch: 'main' });
  const tree = await writeTree(gitdir, files);
  const commit = await git.writeCommit({
    fs,
    gitdir,
    commit: { message: 'Begin\n', tree, parent: [], author, committer: author },
  });
  await git.writeRef({ fs, gitdir, ref: 'refs/heads/main', value: commit, force: true });
}

async function writeTree(gitdir: string, files: Readonly<Record<string, string>>): Promise<string> {
  const entries: { mode: string; path: string; oid: string; type: 'blob' | 'tree' }[] = [];
  const folders = new Map<string, Record<string, string>>();
  for (const [path, text] of Object.entries(files)) {
    const slash = path.indexOf('/');
    if (slash < 0) {
      const oid = await git.writeBlob({ fs, gitdir, blob: Buffer.from(text) });
      entries.push({ mode: '100644', path, oid, type: 'blob' });
    } else {
      const name = path.slice(0, slash);
      folders.set(name, { ...folders.get(name), [path.slice(slash + 1)]: text });
    }
  }
  for (const [path, inside] of folders) {
    entries.push({ mode: '040000', path, oid: await writeTree(gitdir, inside), type: 'tree' });
  }
  return git.writeTree({ fs, gitdir, tree: entries });
}
