/** `kastor events`: what happened of late, and with `-f` what happens. */
import { agentNamed } from '../remote/agent-name.ts';
import { KasApi } from '../remote/kas-api.ts';
import { agentDetail, newsGap, newsLine, newsView, stepFrame, type NewsLine } from '../remote/shapes.ts';
import { tail } from '../remote/tail.ts';
import { targetOf, type TargetOptions } from '../remote/target.ts';
import { Trouble } from '../remote/trouble.ts';
import { durationMs } from '../terminal/age.ts';
import type { Terminal } from '../terminal/paint.ts';
import { EventLines } from './event-lines.ts';
import { StepLog } from './step-log.ts';

export interface EventsOptions extends TargetOptions {
  readonly output: 'text' | 'json';
  readonly follow: boolean;
  readonly agent?: string;
  readonly since?: string;
  readonly steps: boolean;
}

export async function events(options: EventsOptions, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const { agent, steps } = options;
  if (steps && agent === undefined) {
    throw new Trouble('usage', '--steps shows those of one agent: give --agent too');
  }
  const since = sinceMs(options.since);
  const api = new KasApi(targetOf(options));
  try {
    const key = agent === undefined ? undefined : (await agentNamed(api, agent)).key;
    const lines = new EventLines(terminal, options.output === 'json');
    if (steps && key !== undefined) await followSteps(api, key, since, lines, options.follow, signal);
    else await followNews(api, key, since, lines, options.follow, signal);
  } finally {
    await api.close();
  }
}

function sinceMs(text: string | undefined): number {
  if (text === undefined || text === 'all') return 0;
  const ms = durationMs(text);
  const at = ms === undefined ? Date.parse(text) : Date.now() - ms;
  if (Number.isNaN(at)) {
    throw new Trouble(
      'usage',
      `--since ${JSON.stringify(text)} is neither a duration like 90s, 15m, 2h nor a time like 2026-01-31T12:00:00Z, nor "all"`,
    );
  }
  return at;
}

async function followNews(
  api: KasApi,
  key: string | undefined,
  since: number,
  lines: EventLines,
  follow: boolean,
  signal: AbortSignal,
): Promise<void> {
  const query = String(
    new URLSearchParams({
      since: String(since),
      ...(key === undefined ? {} : { agent: key }),
    }),
  );
  if (!follow) {
    const { news, oldest } = await api.get(`/api/events?${query}`, newsView);
    if (oldest > 1 && since === 0) lines.note(`${oldest - 1} older events are not kept any more`);
    for (const line of news) lines.news(line);
    return;
  }
  let told = 0;
  const hear = (line: NewsLine) => {
    told = line.sequence;
    lines.news(line);
  };
  await tail(
    api,
    {
      path: () => `/api/events/stream?${query}`,
      frame: ({ event, data }) => {
        if (event === 'news') hear(newsLine.parse(data));
        if (event !== 'gap') return;
        const { missed, restarted } = newsGap.parse(data);
        if (restarted) lines.note('kas was restarted: what it had not told before is lost');
        if (missed > 0)
          lines.note(`${missed} events were missed after number ${told}: kas keeps the last 10,000`);
      },
      lost: (reason) => lines.lost(reason),
      back: () => lines.back(),
    },
    signal,
  );
}

/** The transitions of an agent's charts, each once, whatever number of times the stream is opened. */
async function followSteps(
  api: KasApi,
  key: string,
  since: number,
  lines: EventLines,
  follow: boolean,
  signal: AbortSignal,
): Promise<void> {
  const path = `/api/agents/${encodeURIComponent(key)}`;
  const log = new StepLog(since, lines);
  if (!follow) return log.whole(await api.get(path, agentDetail));
  await tail(
    api,
    {
      path: () => `${path}/stream`,
      frame: ({ event, data }) => {
        if (event === 'full') log.whole(agentDetail.parse(data));
        if (event === 'step') log.more(stepFrame.parse(data).steps);
      },
      lost: (reason) => lines.lost(reason),
      back: () => lines.back(),
    },
    signal,
  );
}
