/** What the dashboard's API answers, as far as the terminal shows it (`src/kas/dashboard/wire.ts`). What a newer kas adds is let be. */
import { z } from 'zod';

const time = z.number();
const texts = z.string();

const agentRow = z.object({
  key: texts,
  agentId: texts.nullable(),
  name: texts,
  project: texts,
  version: texts,
  pod: texts,
  kubernetes: texts,
  peer: texts,
  condition: texts,
  since: time,
  firstSeen: time,
  connectedAt: time.nullable(),
  reason: texts,
  sessions: z.number(),
  disconnects: z.number(),
  // Of a kas that does not tell yet.
  tunnels: z.number().nullable().default(null),
  lastFailure: z.object({ at: time, reason: texts }).nullable().default(null),
});
export type AgentRow = z.infer<typeof agentRow>;

export const directory = z.object({
  kas: z.object({ version: texts, name: texts }),
  now: time,
  agents: z.array(agentRow),
});

const step = z.object({ at: time, step: z.number(), event: texts, from: texts, to: texts });
export type Step = z.infer<typeof step>;

const projectLine = z.object({
  project: texts,
  commit: texts,
  phase: texts,
  counts: z.object({ applied: z.number(), pruned: z.number(), failed: z.number() }),
  reason: texts,
  isLastKnown: z.boolean(),
});

const rung = z.object({ rung: texts, state: texts, observed: texts, remedy: texts });

export const agentDetail = z.object({
  now: time,
  agent: agentRow,
  advice: texts,
  idleTunnels: z.number(),
  ladder: z.array(rung).default([]),
  projects: z.array(projectLine),
  sessions: z.array(
    z.object({
      sessionId: texts,
      peer: texts,
      startedAt: time,
      endedAt: time.nullable(),
      session: z.array(step),
      connectionId: texts,
      connection: z.array(step),
      tunnels: z.number(),
      watches: z.number(),
    }),
  ),
});
export type AgentDetail = z.infer<typeof agentDetail>;

export const stepFrame = z.object({
  steps: z.array(z.object({ sessionId: texts, chart: texts, step })),
});

export const newsLine = z.object({
  sequence: z.number(),
  at: time,
  kind: texts,
  key: texts,
  name: texts,
  from: texts,
  to: texts,
  about: texts,
  reason: texts,
});
export type NewsLine = z.infer<typeof newsLine>;

export const newsView = z.object({
  now: time,
  epoch: z.number(),
  oldest: z.number(),
  newest: z.number(),
  news: z.array(newsLine),
});

export const newsGap = z.object({ missed: z.number(), restarted: z.boolean() });

const requestLine = z.object({
  id: texts,
  agentId: texts,
  kind: texts,
  method: texts,
  state: texts,
  startedAt: time,
  routedMs: z.number().nullable(),
  lastedMs: z.number(),
  reason: texts,
});
export type RequestLine = z.infer<typeof requestLine>;

export const requestsView = z.object({
  now: time,
  living: z.array(requestLine),
  hidden: z.number(),
  slow: z.array(requestLine),
  failed: z.array(requestLine),
  counts: z.record(texts, z.number()),
  slowMs: z.number(),
});

export type RequestsView = z.infer<typeof requestsView>;

const pollerLine = z.object({
  id: texts,
  kind: texts,
  project: texts,
  ref: texts,
  state: texts,
  commit: texts,
  listeners: z.number(),
  agentId: texts.nullable(),
  askedAt: time.nullable(),
  attempt: z.number(),
  reason: texts,
});
export type PollerLine = z.infer<typeof pollerLine>;

export const pollersView = z.object({
  now: time,
  counts: z.record(texts, z.number()),
  pollers: z.array(pollerLine),
  hidden: z.number(),
});
