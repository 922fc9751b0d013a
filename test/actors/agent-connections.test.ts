/** All connections of a kas together. */
import { EventEmitter } from 'node:events';
import type { ServerHttp2Session } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { AgentConnections } from '../../src/actors/index.ts';
import type { ConnectionMember } from '../../src/actors/agent-connection.actor.ts';
import { actorTimes } from '../../src/actors/limits.ts';
import { createMetrics } from '../../src/host/index.ts';
import { DynamicSupervisor, Registry } from '../../src/supervisor/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';

/** Closes when it is asked to, as a connection on which nothing runs does. */
class FakeSession extends EventEmitter {
  destroyed = false;
  closed = false;
  toldToGo = false;
  goaway(): void {
    this.toldToGo = true;
  }
  close(): void {
    this.closed = true;
    this.emit('close');
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

/** Somebody who has work under way, so that his connection does not close for a GOAWAY. */
const busy: ConnectionMember = { connectionChanged: () => {}, expireIdle: () => {}, idle: false };

async function kasWith(count: number, { working = false } = {}) {
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
  const sessions = Array.from({ length: count }, () => new FakeSession());
  for (const [made, session] of sessions.entries()) {
    const http2 = session as object as ServerHttp2Session;
    connections.accept(http2, `peer ${made}`);
    session.emit('remoteSettings');
    if (working) connections.of(http2)?.members.add(busy);
  }
  const told = () => sessions.filter(({ toldToGo }) => toldToGo).length;
  const over = () => {
    const all = sessions.map((session) => connections.of(session as object as ServerHttp2Session));
    return all.filter((connection) => connection?.isOver).length;
  };
  return { clock, connections, told, over };
}

describe('connections of a kas that stops', () => {
  it('are sent away one after the other, so that the other kas are not overrun', async () => {
    const { clock, connections } = await kasWith(1_000);
    connections.sendAway();
    const left = [connections.count];
    for (let step = 0; step < 24; step++) {
      clock.advance(100);
      left.push(connections.count);
    }
    const gone = left.map((count, index) => (left[index - 1] ?? 1_000) - count);
    expect(gone[0]).toBe(1);
    expect(Math.max(...gone.slice(1))).toBeLessThanOrEqual(51);
    expect(left.at(-1)).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('stay as long as work is under way on them', async () => {
    const { clock, connections, told, over } = await kasWith(20, { working: true });
    expect(over()).toBe(0);
    connections.sendAway();
    expect([told(), over()]).toEqual([1, 1]);
    clock.advance(actorTimes.sendAwayMsMax);
    expect([told(), over()]).toEqual([20, 20]);
    expect(connections.count).toBe(20);
  });

  it('keep the turn they have when kas is asked again', async () => {
    const { clock, connections, told } = await kasWith(100, { working: true });
    connections.sendAway();
    clock.advance(50 * actorTimes.sendAwayEachMs);
    expect(told()).toBe(51);
    connections.sendAway();
    expect(told()).toBe(51);
    clock.advance(49 * actorTimes.sendAwayEachMs);
    expect(told()).toBe(100);
  });

  it('leave no timer when they are cut before their turn', async () => {
    const { clock, connections, told } = await kasWith(300);
    connections.sendAway();
    connections.cutAll('kas is stopping');
    expect(connections.count).toBe(0);
    expect(clock.pending).toBe(0);
    clock.advance(actorTimes.sendAwayMsMax);
    expect(told()).toBe(1);
  });
});
