/** A simulated cluster on a virtual clock, with a client of the administrator. */
import { startSimulatedKubernetes, type SimulatedKubernetes } from '../../src/sim/kubernetes/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';
import { KubeClient } from './kube-client.ts';

export interface SimulatedWorld {
  readonly clock: VirtualClock;
  readonly cluster: SimulatedKubernetes;
  readonly admin: KubeClient;
  readonly log: RecordingLog;
  close(): Promise<void>;
}

export async function simulatedWorld(options: { readonly seedDemo?: boolean } = {}): Promise<SimulatedWorld> {
  const clock = new VirtualClock();
  const log = new RecordingLog();
  const tokens = { 'jane-token': { username: 'jane', groups: ['developers'] } };
  const cluster = await startSimulatedKubernetes({
    clock,
    log,
    tokens,
    random: new SeededRandom(7),
    ...options,
  });
  const admin = new KubeClient(cluster, cluster.adminToken);
  return {
    clock,
    cluster,
    admin,
    log,
    close: async () => {
      await admin.close();
      await cluster.stop();
    },
  };
}
