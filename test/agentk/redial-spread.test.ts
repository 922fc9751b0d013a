/** Agents that lost the same kas at the same moment do not come back at the same moment. */
import { createActor } from 'xstate';
import { expect, it } from 'vitest';
import {
  createAgentLinkLogic,
  LinkBoard,
  LinkJournal,
  type KasSockets,
} from '../../src/agentk/link/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';

const agents = 300;
const bucketMs = 100;

/** Sockets of a kas that refuses every connection at once. */
function refusing(clock: VirtualClock, dials: number[]): KasSockets {
  const sockets: Pick<KasSockets, 'dial' | 'find' | 'closeAll' | 'drop' | 'retire'> = {
    dial: (incarnation, tell) => {
      dials.push(clock.monotonic());
      clock.setTimeout(
        () => tell({ type: 'connection.closed', incarnation, reason: 'refused', remedy: 'wait' }),
        0,
      );
    },
    find: () => undefined,
    closeAll: () => {},
    drop: () => {},
    retire: () => {},
  };
  return sockets as KasSockets;
}

it('their redials are spread, more with each failure', () => {
  const clock = new VirtualClock();
  const random = new SeededRandom(7);
  const byAgent: number[][] = [];
  for (let agent = 0; agent < agents; agent++) {
    const dials: number[] = [];
    byAgent.push(dials);
    const journal = new LinkJournal(new RecordingLog(), 'kas');
    const logic = createAgentLinkLogic({
      sockets: refusing(clock, dials),
      board: new LinkBoard(),
      journal,
      random,
    });
    createActor(logic, { input: { startDelayMs: 0 }, clock, id: `link-${agent}` }).start();
  }
  clock.advance(60_000);
  const peakOf = (dial: number) => {
    const buckets = new Map<number, number>();
    for (const dials of byAgent) {
      const bucket = Math.floor((dials[dial] ?? 0) / bucketMs);
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
    }
    return Math.max(...buckets.values());
  };
  expect(peakOf(0)).toBe(agents);
  expect(peakOf(1)).toBeLessThan(agents / 2);
  expect(peakOf(3)).toBeLessThan(agents / 5);
  expect(peakOf(6)).toBeLessThan(agents / 10);
});
