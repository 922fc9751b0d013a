/** `spec/wire.md §4.4`, `§4.5`: what kas holds against a connection, and how it lets one go. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KasUnderTest, tokens } from '../kas/kas-under-test.ts';
import { until } from '../kas/waiting.ts';
import { errorCode, frameType, writeFrame } from './frames.ts';
import { encodeHeaders } from './hpack.ts';
import { generations, GoAgent, paths, statusAtEnd } from './go-agent.ts';
import { Peer } from './peer.ts';

let kas: KasUnderTest;
let agent: GoAgent;

beforeEach(async () => {
  kas = await KasUnderTest.start();
  agent = await GoAgent.dial(kas.ports.agents, tokens.agent);
});
afterEach(async () => {
  agent.close();
  await kas.finish();
});

const refused = async (reason: string) =>
  Number(
    new RegExp(`^kas_agent_connections_abused_total{reason="${reason}"} (\\d+)$`, 'm').exec(
      (await kas.observe('/metrics')).text,
    )?.[1] ?? 0,
  );

const refusedFor = async (reason: string) =>
  Number(
    new RegExp(`^kas_agent_connections_refused_total{reason="${reason}"} (\\d+)$`, 'm').exec(
      (await kas.observe('/metrics')).text,
    )?.[1] ?? 0,
  );

/** Waits until kas has read everything sent so far. */
async function heard(peer: Peer): Promise<void> {
  const { length } = peer.pings.all;
  peer.ping();
  await until(() => peer.pings.all.length > length || peer.isClosed);
}

describe('§4.4 pings of a client', () => {
  it('every 20 s are answered for ever, with streams and without', async () => {
    for (let pings = 1; pings <= 10; pings++) {
      agent.peer.ping();
      await until(() => agent.peer.pings.all.length === pings);
      await kas.clock.advanceAsync(20_000);
      if (pings === 3) void agent.connect();
    }
    expect(agent.peer.goAways.all).toEqual([]);
  });

  it('sooner than that are forgiven twice, then the connection ends with too_many_pings', async () => {
    for (let pings = 1; pings <= 3; pings++) {
      agent.peer.ping();
      await until(() => agent.peer.pings.all.length === pings);
      await kas.clock.advanceAsync(19_000);
    }
    expect(agent.peer.goAways.all).toEqual([]);
    agent.peer.ping();
    await agent.peer.closed;
    expect(agent.peer.goAways.all[0]).toMatchObject({
      code: errorCode.enhanceYourCalm,
      text: 'too_many_pings',
    });
    expect(await refused('too_many_pings')).toBe(1);
  });

  it('that follow what kas sent, as those of a bandwidth estimate do, are no strikes', async () => {
    for (let pings = 1; pings <= 20; pings++) {
      await statusAtEnd(agent.register());
      agent.peer.ping();
      await until(() => agent.peer.pings.all.length === pings);
    }
    expect(agent.peer.goAways.all).toEqual([]);
  });

  it('are made by kas after 50 s, and one that stays unanswered for 20 s ends the connection', async () => {
    await heard(agent.peer);
    agent.peer.answersPings = false;
    await kas.clock.advanceAsync(50_000);
    await heard(agent.peer);
    expect(agent.peer.isClosed).toBe(false);
    await kas.clock.advanceAsync(20_000);
    await agent.peer.closed;
  });
});

describe('§16 a hostile connection', () => {
  it('that opens and resets streams without end is closed', async () => {
    const pair = (id: number) =>
      Buffer.concat([
        writeFrame(frameType.headers, 4, id, encodeHeaders(agent.headers(paths.register))),
        writeFrame(frameType.rstStream, 0, id, Buffer.from([0, 0, 0, errorCode.cancel])),
      ]);
    for (let id = 1; id < 5_000 && !agent.peer.isClosed; id += 2) agent.peer.write(pair(id));
    await agent.peer.closed;
    expect(agent.peer.goAways.all.length).toBeGreaterThan(0);
    // Whoever counts first, we or nghttp2 below us.
    expect((await refused('too_many_resets')) + (await refused('protocol_error'))).toBeGreaterThan(0);
  });

  it('that makes one refused call after the other is told too_many_refusals', async () => {
    const stranger = await GoAgent.dial(kas.ports.agents, 'nobody-knows-this-token');
    for (let calls = 0; calls < 50 && !stranger.peer.isClosed; calls++) stranger.register();
    await stranger.peer.closed;
    expect(stranger.peer.goAways.all[0]).toMatchObject({
      code: errorCode.enhanceYourCalm,
      text: 'too_many_refusals',
    });
    expect(await refused('too_many_refusals')).toBe(1);
  });

  it('but not one on which an agent was accepted: it may be a balancer with strangers behind it', async () => {
    await statusAtEnd(agent.register());
    for (let calls = 0; calls < 50; calls++) {
      const [code] = await statusAtEnd(agent.call('/nowhere/Nothing'));
      expect(code).toBe(12);
    }
    expect(agent.peer.isClosed).toBe(false);
  });

  it('that sends settings without end is told too_many_settings', async () => {
    for (let frames = 0; frames < 100; frames++) agent.peer.write(writeFrame(frameType.settings, 0, 0));
    await agent.peer.closed;
    expect(agent.peer.goAways.all[0]).toMatchObject({
      code: errorCode.enhanceYourCalm,
      text: 'too_many_settings',
    });
  });

  it('that never ends a header block is closed', async () => {
    const piece = encodeHeaders([['x', 'y']]);
    agent.peer.write(writeFrame(frameType.headers, 0, 1, encodeHeaders(agent.headers(paths.register))));
    for (let frames = 0; frames < 100; frames++)
      agent.peer.write(writeFrame(frameType.continuation, 0, 1, piece));
    await agent.peer.closed;
  });

  it('that sends a header block above 64 KiB loses the call and nothing else', async () => {
    await heard(agent.peer); // the limit holds once the client has acknowledged it
    const big = Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`x-${at}`, 'y'.repeat(14_000)]));
    const block = encodeHeaders(agent.headers(paths.register, big));
    const pieces = [block.subarray(0, 16_000)];
    for (let at = 16_000; at < block.length; at += 16_000) pieces.push(block.subarray(at, at + 16_000));
    for (const [at, piece] of pieces.entries()) {
      const type = at === 0 ? frameType.headers : frameType.continuation;
      agent.peer.write(writeFrame(type, at === pieces.length - 1 ? 4 : 0, 3, piece));
    }
    await until(() => agent.peer.streams.get(3)?.events.all.at(-1)?.kind === 'reset');
    await heard(agent.peer);
    expect(agent.peer.isClosed).toBe(false);
  });

  it('that says its preface and nothing more is closed after 10 s', async () => {
    const silent = await Peer.dial(kas.ports.agents, { silent: true });
    silent.write(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
    await silent.settings.next();
    await kas.clock.advanceAsync(9_999);
    await heard(agent.peer);
    expect(silent.isClosed).toBe(false);
    await kas.clock.advanceAsync(1);
    await silent.closed;
  });
});

describe('§11.1 tokens GitLab refuses', () => {
  const wrong = (token: string) =>
    statusAtEnd(agent.call(paths.register, { authorization: `Bearer ${token}` }).end());

  it('are refused again and again, and an agent on the same connection is served all the same', async () => {
    expect((await statusAtEnd(agent.register()))[0]).toBe(0);
    for (let calls = 0; calls < 300; calls++) expect(await wrong('x')).toEqual([16, 'unauthenticated']);
    expect((await statusAtEnd(agent.register()))[0]).toBe(0);
  });

  it('are not asked about any more when there were a hundred different ones, until time has passed', async () => {
    expect((await statusAtEnd(agent.register()))[0]).toBe(0);
    for (let tokensSaid = 0; tokensSaid < 101; tokensSaid++)
      expect((await wrong(`x${tokensSaid}`))[0]).toBe(16);
    expect(await wrong('y')).toEqual([8, 'too many tokens were refused on this connection, try again later']);
    expect((await statusAtEnd(agent.register()))[0]).toBe(0);
    await kas.clock.advanceAsync(5_000);
    expect((await wrong('y'))[0]).toBe(16);
  });
});

describe('§16 connections on which nobody is an agent', () => {
  it('are two thousand at most: new ones are refused, later the oldest make room', async () => {
    expect((await statusAtEnd(agent.register()))[0]).toBe(0);
    const strangers: Peer[] = [];
    for (let opened = 0; opened < 2_000; opened += 100) {
      const more = await Promise.all(Array.from({ length: 100 }, () => Peer.dial(kas.ports.agents)));
      await Promise.all(more.map((peer) => peer.settings.next()));
      strangers.push(...more);
    }
    const refusedOne = await Peer.dial(kas.ports.agents);
    await refusedOne.closed;
    expect(await refusedFor('too_many_strangers')).toBe(1);
    await kas.clock.advanceAsync(5_000);
    const late = await GoAgent.dial(kas.ports.agents, tokens.spare);
    expect((await statusAtEnd(late.register()))[0]).toBe(0);
    await Promise.race(strangers.map(({ closed }) => closed));
    expect(await refusedFor('made_room')).toBe(1);
    expect(agent.peer.isClosed).toBe(false);
    for (const peer of [...strangers, late.peer]) peer.close();
  });
});

describe('§16 a rush of connections', () => {
  it('is let in up to four thousand, then at a thousand a second', async () => {
    expect((await statusAtEnd(agent.register()))[0]).toBe(0);
    const knock = async () => {
      const peer = await Peer.dial(kas.ports.agents, { silent: true });
      peer.socket.end();
      await peer.closed;
    };
    for (let knocks = 1; knocks < 4_000; knocks += 43) await Promise.all(Array.from({ length: 43 }, knock));
    const refusedBefore = await refusedFor('rush');
    const late = await Peer.dial(kas.ports.agents, { silent: true });
    await late.closed;
    expect(await refusedFor('rush')).toBe(refusedBefore + 1);
    expect((await statusAtEnd(agent.register()))[0]).toBe(0);
    await kas.clock.advanceAsync(1_000);
    const next = await GoAgent.dial(kas.ports.agents, tokens.spare);
    expect((await statusAtEnd(next.register()))[0]).toBe(0);
    next.close();
  });
});

describe.each(Object.entries(generations))('§4.4 gzip of an agent of %s', (_name, generation) => {
  it('is read in requests, and answers come in it', async () => {
    const one = new GoAgent(await Peer.dial(kas.ports.agents), tokens.agent, generation);
    const stream = one.configuration();
    const { headers } = await stream.next('headers');
    expect(headers.get('grpc-encoding')).toBe('gzip');
    expect((await stream.next('message')).payload.length).toBeGreaterThan(0);
    one.close();
  });
});
