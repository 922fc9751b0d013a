/** The cluster of the demonstration: a simulated one of our own, or the one a kubeconfig names. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemClock, systemRandom } from '../../host/index.ts';
import type { Log } from '../../ports/index.ts';
import { startSimulatedKubernetes } from '../../sim/kubernetes/index.ts';

export interface DemoCluster {
  readonly kind: 'simulated' | 'real';
  readonly url: string;
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

/** Rejects when the kubeconfig does not exist. */
export async function useCluster(
  kubeconfig: string | undefined,
  folder: string,
  log: Log,
): Promise<DemoCluster> {
  if (kubeconfig !== undefined) {
    const path = resolve(kubeconfig);
    if (!existsSync(path)) throw new Error(`--cluster: there is no kubeconfig at ${path}`);
    return { kind: 'real', url: path, kubeconfig: path, stop: async () => {} };
  }
  const simulated = await startSimulatedKubernetes({
    clock: systemClock,
    random: systemRandom,
    log,
    seedDemo: true,
    tls: true,
  });
  const path = join(folder, 'cluster-kubeconfig');
  await writeFile(path, simulated.kubeconfig(), { mode: 0o600 });
  return { kind: 'simulated', url: simulated.url, kubeconfig: path, stop: () => simulated.stop() };
}
