/** Runs the real kubectl, which must be on the PATH. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface KubectlResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export type Kubectl = (args: readonly string[], input?: string) => Promise<KubectlResult>;

const program = 'kubectl';
const runMs = 60_000;

function started(kubeconfigPath: string, args: readonly string[]): ChildProcess {
  // Each cluster has its own cache: discovery of one must not be taken for another's.
  const cache = mkdtempSync(join(dirname(kubeconfigPath) || tmpdir(), 'cache-'));
  return spawn(program, ['--cache-dir', cache, ...args], {
    env: { PATH: process.env['PATH'] ?? '', KUBECONFIG: kubeconfigPath, HOME: cache },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** A function that runs kubectl against a cluster. Fails clearly where there is no kubectl. */
export function kubectlFor(kubeconfigPath: string): Kubectl {
  const probe = spawnSync(program, ['version', '--client'], { encoding: 'utf8' });
  if (probe.error !== undefined)
    throw new Error('these tests need kubectl on the PATH', { cause: probe.error });
  return (args, input) =>
    new Promise((resolve, reject) => {
      const child = started(kubeconfigPath, args);
      let [out, err] = ['', ''];
      child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
      const late = setTimeout(() => child.kill('SIGKILL'), runMs);
      child.once('error', reject);
      child.once('close', (code) => {
        clearTimeout(late);
        resolve({ code: code ?? -1, out, err });
      });
      child.stdin?.end(input ?? '');
    });
}

/** Starts a kubectl that keeps running, e.g. `get -w`, and reads it line by line. */
export function followKubectl(
  kubeconfigPath: string,
  args: readonly string[],
): { untilLine(wanted: RegExp): Promise<string>; stop(): void } {
  const child = started(kubeconfigPath, args);
  let text = '';
  const waiting = new Set<() => void>();
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    for (const look of waiting) look();
  });
  return {
    untilLine: (wanted) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => finish(undefined), runMs);
        const look = (): void => {
          const line = text.split('\n').find((one) => wanted.test(one));
          if (line !== undefined) finish(line);
        };
        const finish = (line: string | undefined): void => {
          clearTimeout(late);
          waiting.delete(look);
          if (line === undefined) reject(new Error(`no line like ${String(wanted)} in:\n${text}`));
          else resolve(line);
        };
        waiting.add(look);
        look();
      }),
    stop: () => child.kill('SIGTERM'),
  };
}
