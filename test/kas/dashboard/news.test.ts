/** What happened of late, as the API of a real kas tells it. */
import { afterEach, describe, expect, it } from 'vitest';
import { NewsLog } from '../../../src/kas/dashboard/news-log.ts';
import { dashboardLimits } from '../../../src/kas/dashboard/limits.ts';
import type { NewsLine, NewsView } from '../../../src/kas/dashboard/wire.ts';
import { SyncPhase } from '../../../src/protocol/index.ts';
import { FakeAgent } from '../fake-agent.ts';
import { KasUnderTest, tokens } from '../kas-under-test.ts';
import { turn, until } from '../waiting.ts';
import { EventReader, type ReadEvent } from './event-reader.ts';

let kas: KasUnderTest | undefined;
const readers: EventReader[] = [];
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  await kas?.[Symbol.asyncDispose]();
  kas = undefined;
});

async function start(): Promise<KasUnderTest> {
  kas = await KasUnderTest.start();
  return kas;
}

const read = async <T>(one: KasUnderTest, path: string) => JSON.parse((await one.observe(path)).text) as T;
const news = async (one: KasUnderTest, query = '') =>
  (await read<NewsView>(one, `/api/events${query}`)).news.map(({ kind, name, from, to }) =>
    [kind, name, from, to].join(' '),
  );

function follow(one: KasUnderTest, query = '', lastEventId?: string): EventReader {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const reader = new EventReader(
    `http://127.0.0.1:${one.ports.observability}/api/events/stream${query}`,
    headers,
  );
  readers.push(reader);
  return reader;
}

/** Lets time pass until the reader was told of this. */
async function told(one: KasUnderTest, reader: EventReader, to: string): Promise<ReadEvent> {
  for (;;) {
    const found = reader.events.all.find(({ data }) => data['to'] === to);
    if (found !== undefined) return found;
    await one.clock.advanceAsync(100);
    await turn();
  }
}

describe('the news', () => {
  it('tell how agents became what they are, also of one alone or since a time', async () => {
    const one = await start();
    const agent = new FakeAgent(one.ports.agents, tokens.agent);
    agent.configuration();
    await until(async () => (await news(one)).includes('agent demo connecting degraded'));
    const later = one.clock.now() + 1;
    await one.clock.advanceAsync(1_000);
    agent.close();
    const left = 'agent demo degraded disconnected';
    await until(async () => (await news(one)).includes(left));
    expect(await news(one, '?agent=1')).toEqual(['agent demo connecting degraded', left]);
    expect(await news(one, `?since=${later}`)).toEqual([left]);
    expect(await news(one, '?agent=2')).toEqual([]);
    expect(await news(one, '?after=1')).toEqual([left]);
  });

  it('tell the ends of manifest projects', async () => {
    const one = await start();
    const agent = new FakeAgent(one.ports.agents, tokens.agent);
    await agent.register(3n, 'agentk-0');
    await agent.report({
      reporterId: 1n,
      sequence: 1n,
      projectIds: ['demo/shop'],
      changed: [{ projectId: 'demo/shop', commitId: 'c1', phase: SyncPhase.FAILED, run: 1n, reason: 'no' }],
    });
    const { news: lines } = await read<NewsView>(one, '/api/events');
    expect(lines.at(-1)).toMatchObject({
      kind: 'project',
      key: '1',
      name: 'demo',
      about: 'demo/shop',
      from: 'c1',
      to: 'failed',
      reason: 'no',
    });
    agent.close();
  });

  it('are streamed, and a reader that comes again gets what it missed, once', async () => {
    const one = await start();
    const first = follow(one);
    expect(await first.events.next()).toMatchObject({
      event: 'gap',
      data: { missed: 0, restarted: false },
    });
    const agent = new FakeAgent(one.ports.agents, tokens.agent);
    agent.configuration();
    const { id } = await told(one, first, 'degraded');
    first.close();
    agent.close();
    await until(async () => (await news(one)).length === 2);
    const second = follow(one, '', id);
    await told(one, second, 'disconnected');
    const lines = second.events.all.filter(({ event }) => event === 'news');
    expect(lines.map(({ data }) => data['to'])).toEqual(['disconnected']);
    expect(second.events.all[0]).toMatchObject({ event: 'gap', data: { missed: 0, restarted: false } });
  });

  it('say so when the reader knew an earlier life of kas', async () => {
    const one = await start();
    expect(await follow(one, '', '1-17').events.next()).toMatchObject({
      event: 'gap',
      data: { missed: 0, restarted: true },
    });
  });
});

describe('the log of news', () => {
  const report = (at: number) =>
    ({ kind: 'restarting', at, supervisor: 'kas', childId: 'store', reason: '', attempt: 1 }) as const;
  const query = { after: 0, since: 0, key: undefined };

  it('keeps so many, and its numbers tell how many are gone', () => {
    const log = new NewsLog(7, (key) => key);
    expect([log.oldest, log.newest, log.after(query, 10)]).toEqual([1, 0, []]);
    const count = 2 * dashboardLimits.newsMax + 5;
    for (let at = 1; at <= count; at++) log.supervisorSaid(report(at));
    expect([log.oldest, log.newest]).toEqual([count - dashboardLimits.newsMax + 1, count]);
    const sequences = (lines: readonly NewsLine[]) => lines.map(({ sequence }) => sequence);
    expect(sequences(log.after(query, 2))).toEqual([log.oldest, log.oldest + 1]);
    expect(sequences(log.after({ ...query, after: count - 2 }, 10))).toEqual([count - 1, count]);
    expect(log.after({ ...query, after: count + 3 }, 10)).toEqual([]);
    expect(log.after({ ...query, since: count }, 10)).toHaveLength(1);
  });
});
