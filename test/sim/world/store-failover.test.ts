/** A store that takes over from another: all but the last writes are there, for as long as they were meant to last. */
import { expect, it } from 'vitest';
import type { ConnectedAgent, PushEvents, Store } from '../../../src/ports/index.ts';
import { Kernel } from '../../../src/sim/kernel/index.ts';
import { SimulatedProcess } from '../../../src/sim/world/simulated-process.ts';
import { SimulatedStore } from '../../../src/sim/world/simulated-store.ts';

const entry = (connectionId: bigint): ConnectedAgent => ({
  agentId: 1n,
  projectId: 1n,
  connectionId,
  connectedAt: 0,
  version: '',
  commitId: '',
  podNamespace: '',
  podName: '',
  kubernetes: { major: '', minor: '', gitVersion: '', platform: '' },
  incarnation: 1,
});

/** Plays within a simulation: each deed at its second. */
async function play(
  deeds: Readonly<Record<number, (store: SimulatedStore, reached: Store, news: PushEvents) => void>>,
  untilMs: number,
): Promise<{ readonly kernel: Kernel; readonly store: SimulatedStore }> {
  const kernel = new Kernel({ seed: 1 });
  const store = new SimulatedStore(kernel);
  const { store: reached, pushEvents } = store.of(new SimulatedProcess(kernel, 'kas0.1'));
  await kernel.run(() => {
    for (const [second, deed] of Object.entries(deeds)) {
      kernel.at(Number(second) * 1_000, () => deed(store, reached, pushEvents));
    }
    kernel.advance(untilMs);
  });
  return { kernel, store };
}

it('has lost the last writes, and only these', async () => {
  const { store } = await play(
    {
      1: (_, reached) => void reached.registerAgent(entry(10n), 300_000),
      20: (_, reached) => void reached.registerAgent(entry(11n), 300_000),
      25: (failing) => failing.failOver(10_000),
    },
    30_000,
  );
  expect((await store.contents.agentsById(1n)).map(({ connectionId }) => connectionId)).toEqual([10n]);
});

it('keeps nothing longer than it was meant to last', async () => {
  const { store } = await play(
    {
      1: (_, reached) => void reached.registerAgent(entry(10n), 60_000),
      31: (failing) => failing.failOver(10_000),
      32: (failing) => failing.failOver(10_000),
    },
    62_000,
  );
  expect(await store.contents.agentsById(1n)).toEqual([]);
});

it('has not heard of a farewell among the last writes: the dead are back until they expire', async () => {
  const { store } = await play(
    {
      1: (_, reached) => void reached.registerAgent(entry(10n), 300_000),
      20: (_, reached) => void reached.unregisterAgent(1n, 10n, 1),
      25: (failing) => failing.failOver(10_000),
    },
    30_000,
  );
  expect(await store.contents.agentsById(1n)).toHaveLength(1);
});

it('forgets news of pushes while it is gone', async () => {
  const heard: number[] = [];
  let mend = () => {};
  await play(
    {
      0: (_, _reached, news) => void news.subscribe(({ projectId }) => heard.push(Number(projectId))),
      1: (store) => (mend = store.trouble('gone')),
      2: (store) => store.push({ projectId: 2n, projectPath: 'group/two' }),
      3: () => mend(),
      4: (store) => store.push({ projectId: 4n, projectPath: 'group/four' }),
    },
    5_000,
  );
  expect(heard).toEqual([4]);
});
