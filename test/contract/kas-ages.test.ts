/** `spec/wire.md §4.5`, `spec/kas.md §3.6`: how kas sends connections away, by age and at its stop. Time is virtual. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KasUnderTest, tokens } from '../kas/kas-under-test.ts';
import { until } from '../kas/waiting.ts';
import { GoAgent, statusAtEnd, type GoTunnel } from './go-agent.ts';
import { Peer } from './peer.ts';

const minute = 60_000;
let kas: KasUnderTest;
const agents: GoAgent[] = [];

async function newAgent(): Promise<GoAgent> {
  const agent = await GoAgent.dial(kas.ports.agents, tokens.agent);
  agents.push(agent);
  return agent;
}

beforeEach(async () => {
  kas = await KasUnderTest.start();
});
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.close();
  await kas.finish();
});

/** Lets time pass in steps in which pings are answered; stops early when `done`. Answers how long that took. */
async function pass(ms: number, done: () => boolean = () => false): Promise<number> {
  const before = kas.clock.monotonic();
  const end = before + ms;
  while (kas.clock.monotonic() < end && !done()) {
    await kas.clock.advanceAsync(Math.min(6_000, end - kas.clock.monotonic()));
    await kas.observe('/liveness');
  }
  return kas.clock.monotonic() - before;
}

async function idle(agent: GoAgent): Promise<GoTunnel> {
  const { idle: before } = await kas.counts();
  const tunnel = agent.connect();
  await kas.reaches({ idle: before + 1 });
  return tunnel;
}

describe('a connection at A = 2 h', () => {
  it('gets GOAWAY at 24 min ± 10 %, its idle streams end with OK at 36 to 37.8 min, its end comes 78 min later', async () => {
    const agent = await newAgent();
    const began = kas.clock.monotonic();
    const tunnel = await idle(agent);
    const configuration = agent.configuration();
    await configuration.next('headers');
    const busy = await idle(agent);
    const answered = kas.call('/api').then(async ({ statusCode, body }) => {
      return [statusCode, await body.text().catch(() => 'cut')] as const;
    });
    // The newest idle tunnel is lent first.
    await busy.request();

    await pass(30 * minute, () => agent.peer.goAways.all.length > 0);
    const wentAway = kas.clock.monotonic() - began;
    expect(wentAway).toBeGreaterThanOrEqual(21.6 * minute);
    expect(wentAway).toBeLessThanOrEqual(26.5 * minute);
    expect(agent.peer.goAways.all[0]).toMatchObject({ code: 0 });
    expect(tunnel.stream.events.all).toEqual([]);

    await pass(20 * minute, () => tunnel.stream.events.all.length > 0);
    const expired = kas.clock.monotonic() - began;
    expect(expired).toBeGreaterThanOrEqual(36 * minute);
    expect(expired).toBeLessThanOrEqual(38 * minute);
    expect(await statusAtEnd(tunnel.stream)).toEqual([0, '']);
    expect(await statusAtEnd(configuration)).toEqual([0, '']);
    expect(agent.peer.isClosed).toBe(false);

    await pass(90 * minute, () => agent.peer.isClosed);
    const cut = kas.clock.monotonic() - began;
    expect(cut - wentAway).toBeGreaterThanOrEqual(77.9 * minute);
    expect(cut - wentAway).toBeLessThanOrEqual(78.2 * minute);
    expect((await answered)[0]).toBe(502);
  });

  it('goes at its own moment', async () => {
    const times = new Set<number>();
    const all = await Promise.all([newAgent(), newAgent(), newAgent(), newAgent()]);
    for (const agent of all) await idle(agent);
    for (let gone = 1; gone <= all.length; gone++) {
      await pass(30 * minute, () => all.filter(({ peer }) => peer.goAways.all.length > 0).length >= gone);
      times.add(kas.clock.monotonic());
    }
    expect(times.size).toBeGreaterThan(1);
  });
});

describe('after GOAWAY', () => {
  const sentAway = async (agent: GoAgent) => {
    await pass(30 * minute, () => agent.peer.goAways.all.length > 0);
    return agent.peer.goAways.all[0]?.lastStream ?? 0;
  };

  it('a request under way finishes, and the connection closes when nothing is left on it', async () => {
    const agent = await newAgent();
    const tunnel = await idle(agent);
    const answered = kas.call('/api');
    await tunnel.request();
    await sentAway(agent);
    await pass(15 * minute);
    expect(agent.peer.isClosed).toBe(false);
    tunnel.respond('late');
    expect(await (await answered).body.text()).toBe('late');
    expect((await statusAtEnd(tunnel.stream))[0]).toBe(0);
    await agent.peer.closed;
  });

  it('pings of both sides are still answered', async () => {
    const agent = await newAgent();
    const tunnel = await idle(agent);
    const answered = kas.call('/api');
    await tunnel.request();
    await sentAway(agent);
    agent.peer.ping();
    await until(() => agent.peer.pings.all.length === 1);
    tunnel.respond();
    await (await answered).body.dump();
  });

  it('new calls find kas on a new connection, and its tunnels are lent first', async () => {
    const agent = await newAgent();
    await idle(agent);
    const lastStream = await sentAway(agent);
    expect(lastStream).toBeGreaterThanOrEqual(1);
    const next = await newAgent();
    const tunnel = await idle(next);
    const answered = kas.call('/api');
    await tunnel.request();
    tunnel.respond('new');
    expect(await (await answered).body.text()).toBe('new');
  });

  it('a connection without work closes at once', async () => {
    const agent = await newAgent();
    expect((await statusAtEnd(agent.register()))[0]).toBe(0);
    await pass(30 * minute, () => agent.peer.isClosed);
    expect(agent.peer.goAways.all[0]).toMatchObject({ code: 0 });
  });
});

describe('GOAWAY of an agent', () => {
  it('leaves its streams as they are, until it closes', async () => {
    const agent = await newAgent();
    const tunnel = await idle(agent);
    agent.peer.goAway();
    const answered = kas.call('/api');
    await tunnel.request();
    tunnel.respond('still here');
    expect(await (await answered).body.text()).toBe('still here');
    agent.close();
    await kas.reaches({ connections: 0 });
  });

  it('with an error ends its connection and its requests, not others', async () => {
    const other = await newAgent();
    const healthy = await idle(other);
    const agent = await newAgent();
    const tunnel = await idle(agent);
    const answered = kas.call('/api');
    await tunnel.request();
    agent.peer.goAway(2, 0, 'internal error');
    expect((await answered).statusCode).toBe(502);
    await (await answered).body.dump();
    await agent.peer.closed;
    const again = kas.call('/api');
    await healthy.request();
    healthy.respond('fine');
    expect(await (await again).body.text()).toBe('fine');
  });
});

describe('§4.5 the stop of kas', () => {
  it('sends GOAWAY after its grace, ends idle streams with OK, and waits for a request', async () => {
    const agent = await newAgent();
    const tunnel = await idle(agent);
    const silent = new GoAgent(await Peer.dial(kas.ports.agents), tokens.agent);
    const peers = [agent.peer, silent.peer];
    const configuration = silent.configuration();
    await configuration.next('headers');
    kas.requestStop();
    await until(async () => {
      await kas.clock.advanceAsync(100);
      return peers.every((peer) => peer.goAways.all.length > 0); // each at its turn
    });
    expect(await statusAtEnd(tunnel.stream)).toEqual([0, '']);
    expect(await statusAtEnd(configuration)).toEqual([0, '']);
    await kas.end();
    await Promise.all(peers.map((peer) => peer.closed));
  });
});
