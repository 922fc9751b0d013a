import { expect, it } from 'vitest';
import { memoryPushEvents } from '../../src/store/memory/index.ts';
import { itTellsPushes } from './push-contract.ts';

itTellsPushes(
  () => Promise.resolve(memoryPushEvents()),
  (holds) => {
    expect(holds()).toBe(true);
    return Promise.resolve();
  },
);

it('lets a listener of bad manners keep nobody from hearing, and tells the teller', async () => {
  const events = memoryPushEvents();
  const heard: unknown[] = [];
  events.subscribe(() => {
    throw new Error('bad manners');
  });
  events.subscribe((event) => heard.push(event));
  await expect(events.publish({ projectId: 1n, projectPath: 'p' })).rejects.toThrow(/listener/);
  expect(heard).toHaveLength(1);
});
