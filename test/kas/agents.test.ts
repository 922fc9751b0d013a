/** Agents on the agent listener: who is let in, for how long, and what is left when they go. */
import type { ServerHttp2Session } from 'node:http2';
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { AgentSession, AgentSessions } from '../../src/actors/index.ts';
import { registerHandler } from '../../src/kas/agent-api/register.ts';
import type { AgentInfo } from '../../src/ports/index.ts';
import { FakeCall } from '../actors/fake-call.ts';
import { FakeAgent, type Status } from './fake-agent.ts';
import { KasUnderTest, tokens, type KasUnderTestOptions } from './kas-under-test.ts';
import { until } from './waiting.ts';
import { Wire } from './wire.ts';

let kas: KasUnderTest;
let agents: FakeAgent[] = [];

function agentWith(token: string | undefined, port = kas.ports.agents): FakeAgent {
  const agent = new FakeAgent(port, token);
  agents.push(agent);
  return agent;
}

async function begin(options: KasUnderTestOptions = {}): Promise<FakeAgent> {
  kas = await KasUnderTest.start(options);
  return agentWith(tokens.agent);
}

afterEach(() => kas.finish(...agents.splice(0)));

/** How each of the agent's calls ends. */
function everyCall(agent: FakeAgent): Promise<readonly Status[]> {
  return Promise.all([agent.connect().describe().status, agent.configuration().status, agent.register()]);
}

describe('a token', () => {
  it.each([
    [undefined, 'Request unauthenticated with bearer'],
    ['Basic abc', 'Request unauthenticated with bearer'],
    ['wrong', 'unauthenticated'],
  ])('%s is refused on every call and leaves nothing', async (token, details) => {
    await begin();
    const agent = agentWith(token);
    for (let i = 0; i < 3; i++) {
      for (const end of await everyCall(agent))
        expect(end).toEqual({ code: grpc.status.UNAUTHENTICATED, details });
    }
    await kas.reaches({ sessions: 0, tunnels: 0, watches: 0 });
  });

  it('without a space is a bad one', async () => {
    const agent = await begin();
    const metadata = new grpc.Metadata();
    metadata.set('authorization', 'nospace');
    expect(await agent.register(1n, 'p', metadata)).toEqual({
      code: grpc.status.UNAUTHENTICATED,
      details: 'Bad authorization string',
    });
  });

  it('may share a connection with others, each its own session', async () => {
    const agent = await begin();
    const [one, two] = [agent.metadata(), agent.metadata(tokens.other)];
    const bad = agent.metadata('wrong');
    const mine = agent.connect({ metadata: one }).describe();
    const theirs = agent.connect({ metadata: two }).describe();
    expect((await agent.connect({ metadata: bad }).status).code).toBe(grpc.status.UNAUTHENTICATED);
    await kas.reaches({ connections: 1, sessions: 2, idle: 2 });
    const answered = kas.call('/x');
    await mine.request();
    mine.respond('mine');
    expect(await (await answered).body.text()).toBe('mine');
    expect(theirs.inbox.all).toEqual([]);
  });

  it('whose pod cannot be written into the directory is told so, and comes again', async () => {
    await begin();
    const session: Partial<AgentSession> = { announce: () => Promise.resolve(false) };
    const sessions: Partial<AgentSessions> = {
      admit: (_call, _patient, done) =>
        done({ kind: 'admitted', session: session as AgentSession, agent: {} as AgentInfo }),
    };
    const call = new FakeCall('t', {} as ServerHttp2Session);
    registerHandler(sessions as AgentSessions)(call.call);
    call.call.stream.handler.onMessage(Buffer.alloc(0));
    await until(() => call.ended !== undefined);
    expect(call.ended).toMatchObject({ code: grpc.status.UNAVAILABLE, message: 'Failed to register agent' });
    expect(call.written).toEqual([]);
  });

  it('that is called too often is told so', async () => {
    const agent = await begin({ agentListen: 'connections_per_token_per_minute: 3' });
    for (let i = 0; i < 3; i++) expect((await agent.register()).code).toBe(grpc.status.OK);
    expect(await agent.register()).toEqual({
      code: grpc.status.RESOURCE_EXHAUSTED,
      details: 'new connection rate limit exhausted for this agent, try again later',
    });
    expect((await agentWith(tokens.other).register()).code).toBe(grpc.status.OK);
    await kas.clock.advanceAsync(60_000);
    expect((await agent.register()).code).toBe(grpc.status.OK);
  });

  it('that is revoked ends what is idle, lets a request finish, and is refused from then on', async () => {
    const agent = await begin();
    const idle = await kas.idleTunnel(agent);
    const watch = agent.configuration();
    await watch.inbox.next();
    const busy = await kas.idleTunnel(agent);
    const answered = kas.call('/x'); // takes the newest
    await busy.request();
    await kas.writeDirectory([tokens.spare]);
    const spare = agentWith(tokens.spare);
    await spare.register();
    await until(async () => {
      await kas.clock.advanceAsync(200);
      return (await agent.register()).code !== 0;
    });
    for (const ended of [idle, watch])
      expect(await ended.status).toEqual({ code: grpc.status.UNAUTHENTICATED, details: 'unauthenticated' });
    busy.respond('finished');
    expect(await (await answered).body.text()).toBe('finished');
    await kas.reaches({ sessions: 1, tunnels: 0, watches: 0 });
    expect((await spare.register()).code).toBe(grpc.status.OK);
    await kas.writeDirectory();
  });
});

describe('an agent that is revoked while it calls nobody', () => {
  it('is found out when its configuration is looked for, and nothing of it stays', async () => {
    const agent = await begin();
    const idle = await kas.idleTunnel(agent);
    const watch = agent.configuration();
    await watch.inbox.next();
    await kas.writeDirectory([tokens.spare]);
    await until(async () => {
      await kas.clock.advanceAsync(1_000);
      return watch.ended !== undefined;
    });
    for (const ended of [idle, watch])
      expect(await ended.status).toEqual({ code: grpc.status.UNAUTHENTICATED, details: 'unauthenticated' });
    await kas.reaches({ sessions: 0, tunnels: 0, watches: 0 });
    await kas.writeDirectory();
  });
});

describe('a pod', () => {
  it('is shown with what it said of itself, until it goes', async () => {
    const agent = await begin();
    expect((await agent.register(77n, 'agentk-0')).code).toBe(grpc.status.OK);
    const state = JSON.parse((await kas.observe('/state')).text) as { agents: unknown[] };
    expect(state.agents).toMatchObject([
      { agentId: '1', agentName: 'demo', podName: 'agentk-0', version: 'v1' },
    ]);
    expect(JSON.stringify(state)).not.toContain(tokens.agent);
    agent.close();
    await kas.reaches({ sessions: 0, connections: 0 });
  });

  it('whose connection is reset is gone at once, with all it had', async () => {
    await begin();
    using wire = await Wire.to(kas.ports.agents);
    const agent = agentWith(tokens.agent, wire.port);
    const tunnel = await kas.idleTunnel(agent);
    const watch = agent.configuration();
    await watch.inbox.next();
    wire.cut();
    await Promise.all([tunnel.status, watch.status]);
    await kas.reaches({ connections: 0, sessions: 0, tunnels: 0, watches: 0, idle: 0 });
  });

  it('on a silent wire is gone after keepalive', async () => {
    await begin();
    using wire = await Wire.to(kas.ports.agents);
    const agent = agentWith(tokens.agent, wire.port);
    await kas.idleTunnel(agent);
    wire.goSilent();
    await kas.clock.advanceAsync(69_000);
    expect(await kas.counts()).toMatchObject({ connections: 1, idle: 1 });
    await kas.clock.advanceAsync(1_000);
    await kas.reaches({ connections: 0, sessions: 0, idle: 0 });
  });

  it('that answers pings stays', async () => {
    const agent = await begin();
    await kas.idleTunnel(agent);
    await kas.live(500_000);
    expect(await kas.counts()).toMatchObject({ connections: 1, sessions: 1, idle: 1 });
  });

  it('that never says who it is loses its connection', async () => {
    await begin();
    const stranger = agentWith(undefined);
    await stranger.register();
    await kas.reaches({ connections: 1 });
    await kas.live(120_000);
    await kas.reaches({ connections: 0 });
  });
});

describe('age', () => {
  it('sends agents away: idle work ends with OK, a request finishes, a new connection is made', async () => {
    const agent = await begin({ agentListen: 'max_connection_age: "1000s"' });
    const busy = await kas.idleTunnel(agent);
    const answered = kas.call('/x');
    await busy.request();
    const idle = await kas.idleTunnel(agent);
    const mute = agent.connect(); // never describes itself
    await kas.reaches({ tunnels: 3 });
    const watch = agent.configuration();
    await watch.inbox.next();
    await kas.live(320_000);
    for (const ended of [idle, mute, watch])
      expect(await ended.status).toEqual({ code: grpc.status.OK, details: '' });
    await kas.reaches({ tunnels: 1 });
    const again = await kas.idleTunnel(agent); // grpc-js opens a new connection after GOAWAY
    expect(await kas.counts()).toMatchObject({ connections: 2, sessions: 2 });
    busy.respond('finished');
    expect(await (await answered).body.text()).toBe('finished');
    await kas.reaches({ connections: 1, sessions: 1, tunnels: 1 });
    again.cancel();
  });

  it('cuts what is still running at the end', async () => {
    const agent = await begin({ agentListen: 'max_connection_age: "1000s"' });
    const busy = await kas.idleTunnel(agent);
    const answered = kas.call('/x');
    await busy.request();
    busy.respondHead();
    busy.respondBody('x');
    const { body } = await answered;
    const read = expect(body.text()).rejects.toThrow();
    await kas.live(880_000);
    await read;
    await kas.reaches({ connections: 0 });
  });
});

describe('when kas stops', () => {
  it('idle work ends with OK and the tree with it; readiness says so first', async () => {
    const agent = await begin();
    const [one, two] = [await kas.idleTunnel(agent), await kas.idleTunnel(agent)];
    const mute = agent.connect();
    await kas.reaches({ tunnels: 3 });
    const watch = agent.configuration();
    await watch.inbox.next();
    expect((await kas.observe('/readiness')).status).toBe(200);
    kas.requestStop();
    expect(await kas.observe('/readiness')).toMatchObject({ status: 500, text: 'kas: starting or stopping' });
    await agent.register(); // still served while balancers turn away
    expect(await kas.end()).toEqual({ kind: 'stopped' });
    for (const ended of [one, two, mute, watch])
      expect(await ended.status).toEqual({ code: grpc.status.OK, details: '' });
    expect(kas.clock.monotonic()).toBeLessThan(60_000); // not when connections are too old
  });
});
