/** Any agentk, given as a command, as the subject of a play. It is run with flags that the original knows too. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPort } from '../../src/cli/demo/ports.ts';
import { FakeApiServer } from '../agentk/agent-under-test.ts';
import type { AgentScene } from './agent-play.ts';
import { Program } from './command.ts';
import { WallPace } from './pace.ts';
import { ScriptedKas } from './scripted-kas.ts';

export interface CommandScene extends AgentScene {
  /** What the program said. */
  readonly log: () => string;
  dispose(): Promise<void>;
}

const kubeconfig = (port: number) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    clusters: [
      { name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } },
    ],
    users: [{ name: 'u', user: { token: 'kube-token' } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
  });

export async function commandAgent(command: string): Promise<CommandScene> {
  const folder = await mkdtemp(join(tmpdir(), 'kastor-conformance-'));
  const kas = new ScriptedKas();
  await kas.listen();
  const api = await FakeApiServer.start();
  await writeFile(join(folder, 'token'), 'agent-token');
  await writeFile(join(folder, 'kubeconfig'), kubeconfig(api.port));
  const { port } = await findPort(0);
  const flags = {
    'kas-address': `grpc://127.0.0.1:${kas.port}`,
    'token-file': join(folder, 'token'),
    kubeconfig: join(folder, 'kubeconfig'),
    'observability-listen-address': `127.0.0.1:${port}`,
  };
  const program = new Program(
    command,
    Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    { POD_NAMESPACE: 'gitlab-agent', POD_NAME: 'agent-0' },
  );
  return {
    kas,
    api,
    subject: {
      pace: new WallPace(),
      stop: () => program.stop(),
      get end() {
        return program.end;
      },
      dispose: () => program.kill(),
    },
    log: () => program.log,
    dispose: async () => {
      await program.kill();
      await kas.leave();
      api.stop();
      await rm(folder, { recursive: true });
    },
  };
}
