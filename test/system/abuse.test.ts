/** A kas under attack, in its own process. Exact figures: `bench/abuse.ts`. */
import { expect, it } from 'vitest';
import { sufferAbuse } from './abuse.ts';

const mb = 1024 * 1024;
/** A machine that is busy with other things may be this slow without kas being at fault. */
const floorMs = 500;

it('a thousand hostile connections and a hundred thousand resets do not keep it from serving, and leave nothing', async () => {
  const { idle, attacked, besieged, attack, heapBefore, heapAfter, failed } = await sufferAbuse(200);
  expect(failed).toBe(0);
  expect(attack.connections).toBe(1_000);
  expect(attack.resets).toBeGreaterThanOrEqual(100_000);
  expect(attacked.p99Ms).toBeLessThan(Math.max(2 * idle.p99Ms, floorMs));
  expect(besieged.p99Ms).toBeLessThan(Math.max(2 * idle.p99Ms, floorMs));
  expect(heapAfter).toBeLessThan(heapBefore * 1.25 + 16 * mb);
}, 180_000);
