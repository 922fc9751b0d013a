/**
 * What a cluster promises its clients. The same promises are asked of the simulated cluster and, where
 * `KUBEBUILDER_ASSETS` is set, of a real kube-apiserver: that is what makes the simulation worth believing.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { startCluster } from '../fakes/kube-apiserver.ts';
import { accessContract } from './contract/access.ts';
import { applyingContract } from './contract/applying.ts';
import { customResourcesContract, definitionsContract } from './contract/definitions.ts';
import { garbageContract } from './contract/garbage.ts';
import { kubectlContract } from './contract/kubectl-use.ts';
import { objectsContract } from './contract/objects.ts';
import { watchingContract } from './contract/watching.ts';
import { users, worldOf, type World } from './contract/world.ts';

describe('the contract of a cluster', () => {
  let world: (World & { close(): Promise<void> }) | undefined;
  const current = (): World => {
    if (world === undefined) throw new Error('the cluster has not started');
    return world;
  };
  beforeAll(async () => {
    world = worldOf(await startCluster({ users }));
  });
  afterAll(async () => {
    await world?.close();
    await world?.cluster.stop();
  });

  objectsContract(current);
  watchingContract(current);
  applyingContract(current);
  definitionsContract(current);
  customResourcesContract(current);
  garbageContract(current);
  accessContract(current);
  kubectlContract(current);
});
