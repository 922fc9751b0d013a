/** Asks the observability endpoint of a kas for its `/state`. What comes back is checked: the address may be wrong, or another program. */
import { z } from 'zod';

const askMsMax = 10_000;
const answerBytesMax = 64 * 1024 * 1024;

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
const kasState = z.object({
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

/** Throws an Error for people, which says what is wrong and how to mend it. */
export async function askKas(address: string): Promise<KasState> {
  const url = stateUrl(address);
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(askMsMax) }).catch(
    (error: unknown) => {
      throw new Error(`cannot reach kas at ${url.origin}: ${causeOf(error)}. ${remedy}`);
    },
  );
  const body = await bounded(response).catch((error: unknown) => {
    throw new Error(`the answer of ${url.href} ended early: ${causeOf(error)}`);
  });
  if (!response.ok) {
    throw new Error(
      `${url.href} answered ${response.status}: this is no observability endpoint of kas. ${remedy}`,
    );
  }
  const read = kasState.safeParse(jsonOf(body));
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const place = issue === undefined ? '' : ` (${issue.path.join('.') || 'the whole'}: ${issue.message})`;
  throw new Error(`${url.href} answered something else than the state of a kas${place}. ${remedy}`);
}

const remedy =
  'Give --kas the address of observability.listen, e.g. http://127.0.0.1:8151; in a cluster, through kubectl port-forward';

function stateUrl(address: string): URL {
  const url = URL.parse(address.includes('://') ? address : `http://${address}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Error(`--kas ${JSON.stringify(address)} is no http or https address. ${remedy}`);
  }
  if (url.username !== '' || url.password !== '')
    throw new Error('--kas may not hold a password: kas wants none');
  return new URL('/state', url);
}

async function bounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let body = '';
  for await (const chunk of response.body ?? []) {
    body += decoder.decode(chunk, { stream: true });
    if (body.length > answerBytesMax) throw new Error('it is too large');
  }
  return body + decoder.decode();
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${askMsMax / 1_000} s`;
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return cause.message === '' && 'code' in cause ? String(cause.code) : cause.message;
}
