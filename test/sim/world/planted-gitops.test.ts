/** Wrongs planted into GitOps for one run: what is lost in a cluster, or left over in it, is found. */
import { afterEach, describe, expect, it } from 'vitest';
import { CommitReceiver } from '../../../src/agentk/gitops/commit-receiver.ts';
import { InventoryStore } from '../../../src/agentk/gitops/inventory-store.ts';
import { drawPlan, simulate, type Plan } from '../../../src/sim/world/index.ts';
import { mendAll, plant } from './plant.ts';

const seedsMax = 20;

afterEach(mendAll);

/** The invariant that broke in the first plan that failed. */
async function firstBroken(plans: Iterable<Plan>): Promise<string | undefined> {
  for (const plan of plans) {
    const { failure } = await simulate(plan);
    if (failure !== undefined) return failure.id;
  }
  return undefined;
}

const small = { gitops: true, agents: 1, kas: 1, faults: [] };

function* calm(): Generator<Plan> {
  for (let seed = 1; seed <= seedsMax; seed++) yield drawPlan(seed, small);
}

/** An object comes, agentk dies while the cluster is slow, and the object goes. */
function* deaths(): Generator<Plan> {
  const last = 59; // of three, four or five objects
  for (let seed = 1; seed <= seedsMax; seed++) {
    yield {
      ...drawPlan(seed, { ...small, healMs: 120_000 }),
      requests: [],
      probes: [],
      faults: [
        { atMs: 30_000, forMs: 60_000, kind: 'cluster-slow', agent: 0, kas: 0 },
        { atMs: 34_000 + 1_000 * seed, forMs: 1_000, kind: 'agent-crash', agent: 0, kas: 0 },
      ],
      manifests: [
        { atMs: 31_000, agent: 0, change: 'add', at: 0 },
        { atMs: 36_000 + 1_000 * seed, agent: 0, change: 'delete', at: last },
      ],
    };
  }
}

describe('a planted wrong is found', { timeout: 300_000 }, () => {
  it('half of a commit that is taken for the whole', async () => {
    let received = 0;
    plant(
      CommitReceiver.prototype,
      'commit',
      (right) =>
        function (this: CommitReceiver) {
          const commit = right.call(this);
          if (commit === undefined || received++ === 0) return commit;
          return { ...commit, files: commit.files.slice(0, 1) };
        },
    );
    expect(await firstBroken(calm())).toBe('nothing-lost');
  });

  it('an inventory that is written after the objects', async () => {
    plant(
      InventoryStore.prototype,
      'add',
      () => (was) => Promise.resolve({ kind: 'inventory', inventory: was }),
    );
    expect(await firstBroken(deaths())).toBe('git-in-the-cluster');
  });

  it('nothing, when nothing is planted', async () => {
    expect(await firstBroken(deaths())).toBeUndefined();
  });
});
