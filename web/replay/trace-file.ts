/**
 * Reads a file of transitions: what `kastor simulate` writes of a run, or the flight recorder of a kas (`/api/recorder`). Both come
 * down to lines with a time; those that are transitions of an actor have its chart.
 *
 * R1. The file may be anybody's: it is bounded, and whatever is not understood is a line of text.
 */
export interface ReplayLine {
  /** Milliseconds since the first line's clock began. */
  readonly atMs: number;
  readonly text: string;
  readonly step: ReplayStep | undefined;
}

export interface ReplayStep {
  /** With its process, where a file is of several. */
  readonly actor: string;
  /** The name of its chart's file. */
  readonly chart: string;
  readonly event: string;
  readonly from: string;
  readonly to: string;
}

export interface Replay {
  readonly about: string;
  /** What went wrong; empty when nothing did, or the file does not say. */
  readonly failure: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly lines: readonly ReplayLine[];
  /** Lines that were left out because there were too many. */
  readonly dropped: number;
}

export const replayLimits = { bytesMax: 64 * 1024 * 1024, linesMax: 200_000, charsMax: 2_000 } as const;

export type ReadReplay =
  | { readonly kind: 'read'; readonly replay: Replay }
  | { readonly kind: 'refused'; readonly reason: string };

export function readReplay(text: string): ReadReplay {
  const story = jsonOf(text);
  if (story !== undefined && Array.isArray(story['trace'])) return storyOf(story, story['trace']);
  const rows = text.split('\n').filter((line) => line.trim() !== '');
  const parsed = rows.map(jsonOf);
  if (parsed.every((row) => row === undefined)) {
    const lines = rows.map(lineOfText);
    if (lines.some(({ step }) => step !== undefined)) return made('a trace', '', [], lines);
    return {
      kind: 'refused',
      reason: 'this is neither a simulation (kastor simulate) nor a flight recorder (/api/recorder)',
    };
  }
  const known = parsed.flatMap((row) => (row === undefined ? [] : [row]));
  const lines = known.flatMap((row) => lineOfRow(row) ?? []);
  if (lines.length === 0) return { kind: 'refused', reason: 'no line of this file is a transition' };
  const header = known.find((row) => 'plan' in row || 'seed' in row || 'recording' in row) ?? {};
  const start = lines[0]?.atMs ?? 0;
  const isRecorder = start > 1e11;
  const whose = [header['program'], header['version']].map(textOf).filter((one) => one !== '');
  const about = isRecorder
    ? [
        whose.length === 0 ? 'flight recorder' : 'flight recorder of',
        ...whose,
        `from ${new Date(start).toLocaleString()}`,
      ].join(' ')
    : textOf(header['about']);
  return made(
    about === '' ? 'a simulation' : about,
    failureOf(header['failure']),
    isRecorder ? [] : factsOf(header),
    isRecorder ? lines.map((line) => ({ ...line, atMs: line.atMs - start })) : lines,
  );
}

function storyOf(story: Record<string, unknown>, trace: readonly unknown[]): ReadReplay {
  const lines = trace.map((line) => lineOfText(textOf(line)));
  const facts = factsOf(story);
  return made(textOf(story['about']) || 'a simulation', failureOf(story['failure']), facts, lines);
}

function made(
  about: string,
  failure: string,
  facts: Replay['facts'],
  all: readonly ReplayLine[],
): ReadReplay {
  // The end is what people look for.
  const lines = all.slice(-replayLimits.linesMax);
  return { kind: 'read', replay: { about, failure, facts, lines, dropped: all.length - lines.length } };
}

/** `{at, actorId, machine, event, from, to}` of the recorder, `{t, actor, kind, event, from, to}` of a simulation. */
function lineOfRow(row: Record<string, unknown>): ReplayLine | undefined {
  const at = row['at'] ?? row['t'] ?? row['atMs'];
  if (typeof at !== 'number' || !Number.isFinite(at)) return undefined;
  if (typeof row['text'] === 'string') return { ...lineOfText(row['text']), atMs: at };
  const actor = textOf(row['actorId'] ?? row['actor']);
  if (actor === '') return undefined;
  const machine = textOf(row['machine'] ?? row['kind']);
  const step: ReplayStep = {
    actor,
    chart: machine === '' ? chartOfActor(actor) : kebab(machine),
    event: textOf(row['event']),
    from: textOf(row['from']),
    to: textOf(row['to']),
  };
  return { atMs: at, text: `${actor} on ${step.event}`, step };
}

/** `     1.234s kas0.1 session:3 authenticating > gone on connection.closed` */
function lineOfText(line: string): ReplayLine {
  const [, seconds, said = line] = /^\s*(\d+(?:\.\d+)?)s (.*)$/.exec(line) ?? [];
  const text = said.slice(0, replayLimits.charsMax);
  const [, host, name, from = '', to, event] =
    /^(?:(\S+\d+\.\d+) )?(\S+) (\S*) > (\S+) on (\S+)$/.exec(text) ?? [];
  const atMs = seconds === undefined ? 0 : Number(seconds) * 1_000;
  if (name === undefined || to === undefined || event === undefined) return { atMs, text, step: undefined };
  const actor = host === undefined ? name : `${host} ${name}`;
  return { atMs, text, step: { actor, chart: chartOfActor(name), event, from, to } };
}

/** Names of actors begin with what they are; a few are shorter than the names of their charts. */
const shortNames: Readonly<Record<string, string>> = {
  session: 'agent-session',
  connection: 'agent-connection',
  'dashboard-feed': 'live-feed',
  'manifest-workers': 'worker-pool',
  'sync-notes': 'work-queue',
  'manifest-project-changes': 'work-queue',
};
/** The last part of a name, where it is a part of a part: `gitops:group/app:run-1:wait-2:watch-1`. */
const partNames: readonly (readonly [RegExp, string])[] = [
  [/:watch-\d+$/, 'informer'],
  [/:wait-\d+$/, 'object-wait'],
  [/:drift-\d+$/, 'drift-watch'],
];
const supervisors: ReadonlySet<string> = new Set(
  (
    'files store connections arrivals api-connections private-api-connections sessions watches pollers gitops-streams ' +
    'flux-streams tunnels requests agentk-tree modules sync-reports tunnel-tree tunnel-population gitops scan-policies cluster-watches'
  ).split(' '),
);

function chartOfActor(actor: string): string {
  const part = partNames.find(([form]) => form.test(actor));
  if (part !== undefined) return part[1];
  const name = (actor.split(' ').at(-1) ?? '').split(':')[0] ?? '';
  return supervisors.has(name) ? 'supervisor' : (shortNames[name] ?? name);
}

function kebab(machine: string): string {
  return machine.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function jsonOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') return '';
  return String(value)
    .slice(0, replayLimits.charsMax)
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '\uFFFD');
}

function failureOf(failure: unknown): string {
  if (typeof failure !== 'object' || failure === null) return textOf(failure);
  const { id, text } = failure as { readonly id?: unknown; readonly text?: unknown };
  return [textOf(id), textOf(text)].filter((one) => one !== '').join(': ');
}

/** The sizes of a plan, and what its lists hold. */
function factsOf(file: Record<string, unknown>): Replay['facts'] {
  const plan = (typeof file['plan'] === 'object' && file['plan'] !== null ? file['plan'] : file) as Record<
    string,
    unknown
  >;
  return Object.entries(plan).flatMap(([name, value]) => {
    if (typeof value === 'number') return [[name, value.toLocaleString('en')] as const];
    return Array.isArray(value) && name !== 'trace' ? [[name, String(value.length)] as const] : [];
  });
}
