/** The fleet as this page knows it: rows from the directory, states from the stream. */
import { batch, signal } from '@preact/signals';
import type {
  AgentRow,
  DeltaFrame,
  Directory,
  RowState,
  SnapshotFrame,
} from '../../src/kas/dashboard/wire.ts';
import { codeOf } from '../look.ts';
import { setKasTime } from '../time.ts';
import { follow, link, readJson, type StreamEvent } from './api.ts';

export interface Change {
  readonly at: number;
  readonly index: number;
  readonly from: number | undefined;
  readonly to: number;
}

export interface Agent extends AgentRow {
  readonly code: number;
}

const changesKept = 50;
const recent = 1_200;

/** Sorted by project and name; a new array when anybody came, went or moved. */
export const agents = signal<readonly Agent[]>([]);
export const kas = signal<Directory['kas'] | undefined>(undefined);
export const loaded = signal(false);
/** Of the last frame that is in `agents`. */
export const sequence = signal(0);
export const changes = signal<readonly Change[]>([]);
/** When the last frame came, by this machine. */
export const heardAt = signal(0);
/** By index, for the ring around a cell that has just changed. */
export const changedAt = new Map<number, number>();

const rows = new Map<number, AgentRow>();
const states = new Map<number, RowState>();
let revision = -1;
let heardSequence = 0;
let reading: Promise<void> | undefined;

export function followFleet(): () => void {
  return follow('/api/stream', hear, (status) => {
    if (status !== 401 && status !== 403) link.value = 'lost';
  });
}

function hear({ event, data }: StreamEvent): void {
  const frame = data as SnapshotFrame | DeltaFrame;
  batch(() => {
    link.value = 'live';
    heardAt.value = Date.now();
    heardSequence = frame.sequence;
    setKasTime(frame.at);
    if (event === 'snapshot') {
      states.clear();
      for (const state of (frame as SnapshotFrame).states) states.set(state[0], state);
      publish();
    } else if (event === 'delta') {
      const moved = (frame as DeltaFrame).changes;
      if (moved.length > 0) {
        note(moved, frame.at);
        publishSoon();
      } else if (publishing === 0) sequence.value = heardSequence;
    }
  });
  if (frame.revision !== revision)
    reading ??= readAtAPace(frame.revision).finally(() => (reading = undefined));
}

function note(moved: readonly RowState[], at: number): void {
  const fresh: Change[] = [];
  for (const state of moved) {
    const [index, code] = state;
    const from = states.get(index)?.[1];
    states.set(index, state);
    if (from === code) continue;
    fresh.push({ at, index, from, to: code });
    changedAt.set(index, performance.now());
  }
  if (fresh.length > 0) changes.value = [...fresh.reverse(), ...changes.value].slice(0, changesKept);
  for (const [index, when] of changedAt) if (performance.now() - when > recent) changedAt.delete(index);
}

/** When thousands connect at once the directory changes all the time, and is large. */
async function readAtAPace(wanted: number): Promise<void> {
  await readDirectory(wanted);
  await new Promise((done) => setTimeout(done, Math.max(300, rows.size / 4)));
}

async function readDirectory(wanted: number): Promise<void> {
  const directory = await readJson<Directory>('/api/agents');
  if (directory === undefined) return;
  revision = Math.max(wanted, directory.revision);
  rows.clear();
  for (const row of directory.agents) {
    rows.set(row.index, row);
    // The stream may not have told of it yet.
    if (!states.has(row.index))
      states.set(row.index, [row.index, codeOf(row.condition), row.since, row.reason]);
  }
  for (const index of states.keys()) if (!rows.has(index)) states.delete(index);
  batch(() => {
    kas.value = directory.kas;
    loaded.value = true;
    publish();
  });
}

let publishedAt = 0;
let publishing = 0;

/** At once for few; for thousands at a pace at which a page can draw them. */
function publishSoon(): void {
  const paceMs = rows.size < 500 ? 0 : rows.size < 2_500 ? 250 : 1_000;
  const leftMs = publishedAt + paceMs - performance.now();
  if (leftMs <= 0) publish();
  else if (publishing === 0) publishing = window.setTimeout(publish, leftMs);
}

function publish(): void {
  clearTimeout(publishing);
  publishing = 0;
  publishedAt = performance.now();
  const all: Agent[] = [];
  for (const row of rows.values()) {
    const [, code = codeOf(row.condition), since = row.since, reason = row.reason] =
      states.get(row.index) ?? [];
    all.push({ ...row, code, since, reason });
  }
  sequence.value = heardSequence;
  agents.value = all.sort(
    (one, other) =>
      one.project.localeCompare(other.project) ||
      one.name.localeCompare(other.name) ||
      one.index - other.index,
  );
}

export function rowOf(index: number): AgentRow | undefined {
  return rows.get(index);
}
