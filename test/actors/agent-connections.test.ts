/** All connections of a kas together. */
import { EventEmitter } from 'node:events';
import type { ServerHttp2Session } from 'node:http2';
import { expect, it } from 'vitest';
import { AgentConnections } from '../../src/actors/index.ts';
import { createMetrics } from '../../src/host/index.ts';
import { DynamicSupervisor, Registry } from '../../src/supervisor/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';

class FakeSession extends EventEmitter {
  destroyed = false;
  closed = false;
  goaway(): void {}
  close(): void {
    this.closed = true;
    this.emit('close');
  }
}

it('are sent away one after the other when kas stops, so that the other kas are not overrun', async () => {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const supervisor = new DynamicSupervisor(
    { id: 'connections', maxChildren: 2_000 },
    { clock, random, registry: new Registry(), report: () => {} },
  );
  await supervisor.start();
  const { metrics } = createMetrics({ processMetrics: false });
  const connections = new AgentConnections({
    supervisor: () => supervisor,
    clock,
    random,
    log: new RecordingLog(),
    metrics,
    ageMsMax: 7_200_000,
  });
  for (let made = 0; made < 1_000; made++) {
    const session = new FakeSession();
    connections.accept(session as object as ServerHttp2Session, `peer ${made}`);
    session.emit('remoteSettings');
  }
  connections.sendAway();
  const left = [connections.count];
  for (let step = 0; step < 24; step++) {
    clock.advance(100);
    left.push(connections.count);
  }
  const gone = left.map((count, index) => (left[index - 1] ?? 1_000) - count);
  expect(gone[0]).toBe(16);
  expect(Math.max(...gone.slice(1))).toBeLessThanOrEqual(51);
  expect(left.at(-1)).toBe(0);
});
