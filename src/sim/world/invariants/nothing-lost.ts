import type { Invariant } from './invariant.ts';

export const nothingLost: Invariant = {
  id: 'nothing-lost',
  reason:
    'Absence is not deletion: what the newest commit that agentk was given still holds stays, and what strangers made is theirs.',
  pruning(world, { agent, given }, name) {
    world.tally.count('object pruned');
    if (given === undefined) {
      world.fail(this, `agent${agent} deletes ${name} and was given no commit`);
    } else if (given.objects.has(name) || !name.startsWith('app-')) {
      world.fail(this, `agent${agent} deletes ${name}, and commit ${given.id.slice(-6)} holds it`);
    }
  },
  touched(world, { agent }, name) {
    world.fail(this, `agent${agent} has changed ${name}, which is a stranger's`);
  },
};
