/**
 * Everything `kastor start` writes: one folder with the repositories, the directory file of agents and tokens, kas's
 * configuration, the agent's token and a kubeconfig. Tokens are made once and kept, so that a second start finds the same
 * world; ports are chosen at each start.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashToken, newToken } from '../../gitlab/embedded/index.ts';
import { selfSignedCertificate } from '../../sim/certificate/index.ts';
import type { Pages } from './pages.ts';
import { makeSampleRepositories } from './sample-repositories.ts';

export interface DemoPorts {
  readonly agents: number;
  readonly kubernetesApi: number;
  readonly observability: number;
  readonly agentObservability: number;
}

export interface DemoData {
  readonly folder: string;
  readonly repositories: { readonly configuration: string; readonly manifests: string };
  readonly kasConfiguration: string;
  readonly agentTokenFile: string;
  readonly kubeconfig: string;
  /** Of the Kubernetes API endpoint, PEM. kubectl sends credentials over TLS only. */
  readonly certificate: string;
  /** `Authorization` values for scripts: a CI job's and a person's. */
  readonly jobToken: string;
  readonly personalToken: string;
}

export const demoAgent = { id: 1, name: 'demo', project: 'demo/agents' } as const;

interface Secrets {
  readonly agent: string;
  readonly job: string;
  readonly personal: string;
}

/** Writes the folder; what is already there (repositories, tokens) is kept. */
export async function prepareDataFolder(
  folder: string,
  ports: DemoPorts,
  pages: Pages = { kind: 'shipped' },
): Promise<DemoData> {
  await mkdir(join(folder, 'repositories'), { recursive: true });
  const repositories = await makeSampleRepositories(join(folder, 'repositories'));
  const secrets = await keepSecrets(join(folder, 'secrets.json'));
  const certificate = await keepCertificate(folder);
  const data: DemoData = {
    folder,
    certificate,
    repositories,
    kasConfiguration: join(folder, 'kas.yaml'),
    agentTokenFile: join(folder, 'agent-token'),
    kubeconfig: join(folder, 'kubeconfig'),
    jobToken: secrets.job,
    personalToken: secrets.personal,
  };
  await writeFile(data.agentTokenFile, `${secrets.agent}\n`, { mode: 0o600 });
  await writeFile(join(folder, 'gitlab.yaml'), directoryFile(secrets), { mode: 0o600 });
  await writeFile(data.kasConfiguration, kasConfiguration(ports, pages));
  await writeFile(data.kubeconfig, kubeconfig(ports, secrets, certificate), { mode: 0o600 });
  return data;
}

async function keepCertificate(folder: string): Promise<string> {
  const path = join(folder, 'kas-certificate.pem');
  try {
    return await readFile(path, 'utf8');
  } catch {
    const { certPem, keyPem } = selfSignedCertificate(['127.0.0.1', 'localhost'], Date.now());
    await writeFile(join(folder, 'kas-key.pem'), keyPem, { mode: 0o600 });
    await writeFile(path, certPem);
    return certPem;
  }
}

async function keepSecrets(path: string): Promise<Secrets> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Secrets;
  } catch {
    const secrets: Secrets = {
      agent: newToken('kastor-agent-'),
      job: newToken('kastor-job-'),
      personal: newToken('kastor-pat-'),
    };
    await writeFile(path, JSON.stringify(secrets), { mode: 0o600 });
    return secrets;
  }
}

function directoryFile(secrets: Secrets): string {
  return `# Who may connect and who may use whom. kas reads this file again when it changes.
# Tokens are kept as hashes: \`kastor token\` makes a new pair.
agents:
  - id: ${demoAgent.id}
    name: ${demoAgent.name}
    project: ${demoAgent.project}
    token_hashes: ["${hashToken(secrets.agent)}"]
projects:
  - id: 1
    path: ${demoAgent.project}
    repository: repositories/agents.git
    default_branch: main
    groups: [10]
  - id: 2
    path: demo/manifests
    repository: repositories/manifests.git
    default_branch: main
    groups: [10]
    public: true
groups:
  - { id: 10, path: demo }
users:
  - id: 1
    username: alice
    token_hashes: ["${hashToken(secrets.personal)}"]
    projects: [{ id: 1, role: developer }]
jobs:
  - token_hash: "${hashToken(secrets.job)}"
    id: 100
    pipeline: 50
    project: ${demoAgent.project}
    user: alice
`;
}

function kasConfiguration(ports: DemoPorts, pages: Pages): string {
  const dashboard = pages.kind === 'built' ? `{ pages: ${JSON.stringify(pages.folder)} }` : '{}';
  return `# kas without GitLab: agents, tokens and projects come from a file, configuration from bare repositories.
standalone:
  file: gitlab.yaml
agent:
  listen:
    address: 127.0.0.1:${ports.agents}
    listen_grace_period: "0.1s"
  configuration:
    poll_period: "5s"
  kubernetes_api:
    listen:
      address: 127.0.0.1:${ports.kubernetesApi}
      certificate_file: kas-certificate.pem
      key_file: kas-key.pem
      listen_grace_period: "0.1s"
      shutdown_grace_period: "5s"
observability:
  listen:
    address: 127.0.0.1:${ports.observability}
  dashboard: ${dashboard}
`;
}

function kubeconfig(ports: DemoPorts, secrets: Secrets, certificate: string): string {
  const ca = Buffer.from(certificate).toString('base64');
  return `apiVersion: v1
kind: Config
clusters:
  - name: kastor
    cluster: { server: "https://127.0.0.1:${ports.kubernetesApi}", certificate-authority-data: ${ca} }
users:
  - name: job
    user: { token: "ci:${demoAgent.id}:${secrets.job}" }
  - name: alice
    user: { token: "pat:${demoAgent.id}:${secrets.personal}" }
contexts:
  - name: ${demoAgent.project}:${demoAgent.name}
    context: { cluster: kastor, user: job, namespace: demo }
  - name: alice
    context: { cluster: kastor, user: alice, namespace: demo }
current-context: ${demoAgent.project}:${demoAgent.name}
`;
}
