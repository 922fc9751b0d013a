/** What `kastor agents`, `agent`, `events`, `pollers` and `requests` show of a running kas, and what they say when they cannot. */
import { stripVTControlCharacters } from 'node:util';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { load } from 'js-yaml';
import { agent } from '../../src/cli/look/agent.ts';
import { agents, type AgentsOptions } from '../../src/cli/look/agents.ts';
import { stateChoices } from '../../src/cli/look/choices.ts';
import { events, type EventsOptions } from '../../src/cli/look/events.ts';
import { pollers } from '../../src/cli/look/pollers.ts';
import { requests } from '../../src/cli/look/requests.ts';
import { agentConditions, type AgentRow, type NewsLine } from '../../src/kas/dashboard/wire.ts';
import { FakeAgent } from '../kas/fake-agent.ts';
import { KasUnderTest, tokens } from '../kas/kas-under-test.ts';
import { until } from '../kas/waiting.ts';
import { FakeTerminal, StubKas, type Answers } from './stub-kas.ts';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function stub(answers: Answers): Promise<StubKas> {
  const kas = await StubKas.start(answers);
  closing.push(() => kas[Symbol.asyncDispose]());
  return kas;
}

const never = new AbortController().signal;
const plain = { output: 'table', watch: false } as const;

async function listed(kas: string, options: Partial<AgentsOptions> = {}, columns?: number, text?: string) {
  const terminal = new FakeTerminal(columns);
  await agents(text, { kas, ...plain, sort: 'name', reverse: false, ...options }, terminal, never);
  return terminal.out;
}
const firstWords = (out: string) =>
  out
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s/)[0]);

const row = (more: Partial<AgentRow>): AgentRow => ({
  index: 0,
  key: more.agentId ?? '1',
  agentId: '1',
  name: 'demo',
  project: 'group/demo',
  projectId: '1',
  version: 'v18.0.0',
  pod: 'agentk-0',
  kubernetes: 'v1.32.0',
  peer: '10.0.0.1:1',
  condition: 'online',
  since: 0,
  firstSeen: 0,
  connectedAt: 0,
  reason: '',
  sessions: 1,
  tunnels: 2,
  disconnects: 0,
  lastFailure: null,
  ...more,
});
const directoryOf = (...rows: readonly AgentRow[]) => ({
  revision: 1,
  kas: { version: 'v1', name: 'kas' },
  now: 120_000,
  agents: rows,
});

describe('kastor agents', () => {
  it('tells of a real kas who is how, since when, with how many tunnels', async () => {
    const kas = await KasUnderTest.start();
    const fake = new FakeAgent(kas.ports.agents, tokens.agent);
    closing.push(() => kas.finish(fake));
    const address = `http://127.0.0.1:${kas.ports.observability}`;
    expect(await listed(address)).toBe('This kas has seen no agent within the last hour.\n');
    await fake.register(3n, 'agentk-0');
    await kas.idleTunnel(fake);
    await kas.clock.advanceAsync(1_000);
    await until(async () => (await listed(address)).includes('online'));
    expect(await listed(address)).toMatch(
      /^NAME {2}ID {2}STATE +SINCE {2}PODS {2}VERSION {2}TUNNELS {2}LAST FAILURE\ndemo +1 {2}online +\d+s +1 {2}v1 +1\n$/,
    );
    const terminal = new FakeTerminal();
    await agent('demo', { kas: address, ...plain, steps: 10 }, terminal, never);
    for (const line of [
      /^demo\/agents:demo {2}online for \d+s$/m,
      /✓ tunnels +1 open/,
      /! configuration +nobody asks for it/,
      /^ {2}session +registered\.tunnels +available/m,
      /lookup done +authenticating → registered$/m,
      /connection\.draining +draining$/m,
    ])
      expect(terminal.out).toMatch(line);
  });

  const three = directoryOf(
    row({ agentId: '10', name: 'b', condition: 'refused', reason: 'unauthenticated', since: 60_000 }),
    row({ agentId: '9', name: 'a', project: 'group/other', tunnels: 7 }),
    row({ agentId: '2', name: 'c', lastFailure: { at: 60_000, reason: 'lost' }, sessions: 3 }),
  );

  it('filters by state, project, version and text', async () => {
    const { address } = await stub({ '/api/agents': three });
    expect(firstWords(await listed(address))).toEqual(['a', 'b', 'c']);
    expect(firstWords(await listed(address, { state: ['refused', 'draining'] }))).toEqual(['b']);
    expect(firstWords(await listed(address, { project: 'group/demo' }))).toEqual(['b', 'c']);
    expect(firstWords(await listed(address, { project: 'group' }))).toEqual(['a', 'b', 'c']);
    expect(await listed(address, { agentVersion: 'v1' })).toBe('None of the 3 agents is like that.\n');
    expect(firstWords(await listed(address, {}, undefined, 'other'))).toEqual(['a']);
  });

  it.each([
    ['id', ['c', 'a', 'b']],
    ['state', ['b', 'a', 'c']],
    ['since', ['b', 'a', 'c']],
    ['pods', ['c', 'a', 'b']],
    ['tunnels', ['a', 'b', 'c']],
    ['failure', ['c', 'a', 'b']],
  ] as const)('sorts by %s', async (sort, names) => {
    const { address } = await stub({ '/api/agents': three });
    expect(firstWords(await listed(address, { sort }))).toEqual(names);
    expect(firstWords(await listed(address, { sort, reverse: true }))).toEqual(names.toReversed());
  });

  it('says why an agent is not well, or when it last was not', async () => {
    const { address } = await stub({ '/api/agents': three });
    const lines = (await listed(address)).split('\n');
    expect(lines[2]).toMatch(/refused +60s .* unauthenticated$/);
    expect(lines[3]).toMatch(/online .* 60s ago: lost$/);
  });

  it('fits the terminal, and is whole where there is none', async () => {
    const long = directoryOf(row({ name: 'x'.repeat(90), reason: 'y '.repeat(80), condition: 'degraded' }));
    const { address } = await stub({ '/api/agents': long });
    const narrow = stripVTControlCharacters(await listed(address, {}, 80))
      .trimEnd()
      .split('\n');
    expect(narrow.map((line) => line.length <= 80)).toEqual([true, true]);
    expect(narrow[1]).toContain('…');
    expect(await listed(address)).toContain('x'.repeat(90));
  });

  it.each(['table', 'wide', 'json', 'yaml'] as const)(
    'makes hostile names harmless as %s',
    async (output) => {
      const name = 'a\u001b]0;t\u0007\u009b2J\u202eb\nc';
      const { address } = await stub({ '/api/agents': directoryOf(row({ name, reason: name })) });
      const out = await listed(address, { output });
      // oxlint-disable-next-line no-control-regex
      expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
      if (output === 'json') expect(JSON.parse(out)).toMatchObject({ agents: [{ name }] });
      if (output === 'yaml') expect(load(out)).toMatchObject({ agents: [{ agentId: '1' }] });
    },
  );

  it('knows the states that kas knows', () => {
    expect(stateChoices).toEqual(agentConditions);
  });
});

describe('kastor agent', () => {
  const two = directoryOf(
    row({ agentId: '1', name: 'prod', project: 'a/b' }),
    row({ agentId: '2', name: 'prod', project: 'c/d' }),
    row({ agentId: '3', name: 'staging', project: 'c/d' }),
  );
  const failing = async (address: string, name: string) => {
    const shown = agent(name, { kas: address, ...plain, steps: 3 }, new FakeTerminal(), never);
    return shown.then(
      () => 'shown',
      (error: { exitCode?: number; message: string }) => `${error.exitCode} ${error.message}`,
    );
  };

  it('does not guess which is meant', async () => {
    const { address } = await stub({ '/api/agents': two });
    expect(await failing(address, 'prod')).toMatch(
      /^1 2 agents are called prod: a\/b:prod \(1\), c\/d:prod \(2\)\./,
    );
    expect(await failing(address, 'stag')).toMatch(/^1 .* no agent called stag .* c\/d:staging \(3\)$/);
    expect(await failing(address, 'xyz')).toMatch(/^1 .* "kastor agents" lists/);
  });
});

describe('what cannot be shown is said with its remedy and an exit code', () => {
  const complaint = async (address: string, more: Partial<AgentsOptions> = {}) =>
    listed(address, more).then(
      () => 'nothing',
      (error: { exitCode?: number; message: string }) => `${error.exitCode} ${error.message}`,
    );
  const json =
    (status: number, error: string) =>
    (_: unknown, response: { writeHead(status: number): { end(text: string): void } }) =>
      response.writeHead(status).end(JSON.stringify({ error }));

  it('a kas that is not there', async () => {
    expect(await complaint('http://127.0.0.1:1')).toMatch(/^3 cannot reach kas .*ECONNREFUSED.* Give --kas/);
  });

  it('a token that is missing or wrong, which is never said aloud', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kastor-token-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'token');
    const { address, requests: seen } = await stub({ '/api/agents': json(401, 'no') });
    expect(await complaint(address)).toMatch(/^4 .*none was given\. Give --token-file/);
    writeFileSync(file, 'glsecret-1\n');
    const wrong = await complaint(address, { tokenFile: file });
    expect(wrong).toMatch(/^4 .*not the one that was given/);
    expect(wrong).not.toContain('glsecret');
    expect(seen.at(-1)?.headers.authorization).toBe('Bearer glsecret-1');
    writeFileSync(file, '\n');
    expect(await complaint(address, { tokenFile: file })).toMatch(/^2 there is no token in /);
    expect(await complaint(address, { tokenFile: join(folder, 'none') })).toMatch(/^2 --token-file: ENOENT/);
  });

  it('a kas that does not serve from here', async () => {
    const { address } = await stub({ '/api/agents': json(403, 'only from this machine') });
    expect(await complaint(address)).toMatch(/^4 .*only from this machine\. Ask it on its own machine/);
  });

  it('a kas without its dashboard, one that is too old, and what is no kas', async () => {
    const off = await stub({ '/state': { version: 'v1' } });
    expect(await complaint(off.address)).toMatch(/^5 .*observability\.dashboard\.enabled: true/);
    const old = await stub({ '/api/agents': json(404, 'no such path') });
    expect(await complaint(old.address)).toMatch(/^5 .*older than this kastor/);
    const other = await stub({});
    expect(await complaint(other.address)).toMatch(/^5 .*answered 404: this is no observability endpoint/);
    const strange = await stub({ '/api/agents': { agents: 3 } });
    expect(await complaint(strange.address)).toMatch(/^5 .*something else than what this kastor understands/);
  });
});

describe('kastor events', () => {
  const line = (sequence: number, more: Partial<NewsLine> = {}): NewsLine => ({
    sequence,
    at: 1_000,
    kind: 'agent',
    key: '1',
    name: `agent-${sequence}`,
    from: 'online',
    to: 'disconnected',
    about: '',
    reason: 'lost',
    ...more,
  });
  const shown = async (kas: string, options: Partial<EventsOptions>, terminal: FakeTerminal, stop = never) =>
    events({ kas, output: 'text', follow: false, steps: false, ...options }, terminal, stop);

  it('tells what happened, a line each', async () => {
    const news = [
      line(5),
      line(6, { kind: 'project', from: 'c0ffee', to: 'failed', about: 'a/b', reason: 'denied' }),
      line(7, { kind: 'supervisor', name: 'store', about: 'kas', to: 'restarting', reason: 'crash' }),
    ];
    const { address } = await stub({ '/api/events': { now: 0, epoch: 1, oldest: 5, newest: 7, news } });
    const terminal = new FakeTerminal();
    await shown(address, {}, terminal);
    const lines = terminal.out.trimEnd().split('\n');
    expect(lines[0]).toMatch(/ {2}agent +agent-5 +online → disconnected \(lost\)$/);
    expect(lines[1]).toMatch(/ {2}project +agent-6 +a\/b@c0ffee failed \(denied\)$/);
    expect(lines[2]).toMatch(/ {2}supervisor +kas\/store +restarting \(crash\)$/);
    expect(terminal.err).toBe('kastor: 4 older events are not kept any more\n');
  });

  it('follows, goes on after a break where it was, and says what was missed', async () => {
    const ids: (string | undefined)[] = [];
    const frame = (event: string, data: object, id = '') =>
      `${id === '' ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    const stop = new AbortController();
    const { address } = await stub({
      '/api/events/stream': (request, response) => {
        ids.push(request.headers['last-event-id'] as string | undefined);
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        if (ids.length === 1) {
          response.write(frame('gap', { missed: 0, restarted: false }));
          response.end(frame('news', line(1), '7-1') + frame('news', line(2), '7-2'));
        } else {
          response.write(frame('gap', { missed: 3, restarted: false }));
          response.write(frame('news', line(6), '7-6'));
        }
      },
    });
    const terminal = new FakeTerminal();
    terminal.stdout.on('data', () => {
      if (terminal.out.includes('"sequence":6')) stop.abort();
    });
    await shown(address, { follow: true, output: 'json' }, terminal, stop.signal);
    const told = terminal.out.trimEnd().split('\n');
    expect(told.map((text) => (JSON.parse(text) as NewsLine).sequence)).toEqual([1, 2, 6]);
    expect(ids).toEqual([undefined, '7-2']);
    expect(terminal.err).toContain('3 events were missed after number 2');
  });

  it('asks for an agent with --steps, and for a time that can be read', async () => {
    const refused = (options: Partial<EventsOptions>) =>
      shown('http://127.0.0.1:1', options, new FakeTerminal()).catch((error: unknown) => String(error));
    expect(await refused({ steps: true })).toContain('give --agent too');
    expect(await refused({ since: 'yesterday' })).toContain('neither a duration');
  });

  it('tells the transitions of an agent of a real kas', async () => {
    const kas = await KasUnderTest.start();
    const fake = new FakeAgent(kas.ports.agents, tokens.agent);
    closing.push(() => kas.finish(fake));
    await fake.register(3n, 'agentk-0');
    const address = `http://127.0.0.1:${kas.ports.observability}`;
    await until(async () => (await listed(address)).includes('demo'));
    const terminal = new FakeTerminal();
    await shown(address, { agent: 'demo', steps: true }, terminal);
    expect(terminal.out).toMatch(/session +lookup done +authenticating → registered$/m);
  });
});

describe('kastor pollers and kastor requests', () => {
  it('of a kas that has nothing to do', async () => {
    const kas = await KasUnderTest.start();
    closing.push(() => kas.finish());
    const address = `http://127.0.0.1:${kas.ports.observability}`;
    const terminal = new FakeTerminal();
    await pollers({ kas: address, ...plain }, terminal, never);
    await requests({ kas: address, ...plain, list: 'failed' }, terminal, never);
    expect(terminal.out).toBe(
      'Nobody wants news of a repository.\nEnded since the start of kas: none.\n\nFailed\nNone failed.\n',
    );
  });

  it('show what is polled, and requests with their reasons', async () => {
    const poller = {
      id: 'p',
      kind: 'manifests',
      project: 'a/b',
      ref: 'refs/heads/main',
      state: 'backingOff',
      commit: 'c0ffee',
      listeners: 2,
      agentId: null,
      askedAt: 60_000,
      attempt: 3,
      reason: 'no route',
    };
    const request = {
      id: 'request:7',
      agentId: '1',
      kind: 'ci',
      method: 'GET',
      state: 'timedOut',
      startedAt: 60_000,
      routedMs: null,
      lastedMs: 20_000,
      reason: 'no tunnel',
    };
    const { address } = await stub({
      '/api/pollers': { now: 90_000, counts: {}, pollers: [poller], hidden: 4 },
      '/api/requests': {
        now: 90_000,
        living: [],
        hidden: 0,
        slow: [],
        failed: [request],
        counts: { timedOut: 1 },
        slowMs: 1_000,
      },
    });
    const terminal = new FakeTerminal();
    await pollers({ kas: address, ...plain }, terminal, never);
    expect(terminal.out).toMatch(
      /^manifests +a\/b +main +backingOff +c0ffee +2 +30s ago +3 +no route\nand 4 more$/m,
    );
    await requests({ kas: address, ...plain, list: 'all' }, terminal, never);
    expect(terminal.out).toMatch(/^7 +1 +ci +GET +timedOut +30s ago +- +20\.0s +no tunnel$/m);
  });
});
