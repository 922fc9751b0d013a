/** What `/state` of a kas answers, as far as `kastor status` shows it. */
import { z } from 'zod';

const id = z.union([z.string(), z.number()]).transform(String);
const text = z.string().default('');
const time = z.number().optional();
const count = z.number().default(0);

const agent = z.object({
  agentId: id.optional(),
  agentName: z.string().optional(),
  connectedAt: z.number(),
  podName: z.string().optional(),
  version: z.string().optional(),
  state: z.unknown(),
});
const project = z.object({
  agentId: id,
  project: z.string(),
  commit: text,
  phase: z.string(),
  counts: z.object({ applied: count, pruned: count, skipped: count, failed: count, unreconciled: count }),
  reason: text,
  failures: z.array(z.object({ object: text, action: text, error: text, lastEvent: text })).default([]),
  startedAt: time,
  endedAt: time,
  syncedCommit: text,
  syncedAt: time,
  rejectedCommit: text,
  rejectedReason: text,
  reportedAt: z.number(),
  isLastKnown: z.boolean(),
});
const outcome = z.object({
  at: z.number(),
  agentId: id,
  project: z.string(),
  commit: text,
  outcome: z.string(),
  reason: text,
});
export const kasState = z.object({
  version: z.string(),
  agents: z.array(agent),
  agentsHidden: count,
  gitops: z
    .object({
      projects: z.array(project),
      projectsHidden: count,
      outcomes: z.array(outcome).default([]),
    })
    .default({ projects: [], projectsHidden: 0, outcomes: [] }),
});
export type KasState = z.infer<typeof kasState>;
export type AgentState = z.infer<typeof agent>;
export type ProjectState = z.infer<typeof project>;
