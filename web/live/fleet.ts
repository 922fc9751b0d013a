/** The fleet as this page knows it: rows from the directory, states from the stream. */
import { batch, signal } from '@preact/signals';
import {
  agentConditions,
  type AgentRow,
  type DeltaFrame,
  type Directory,
  type NewsView,
  type RowState,
  type SnapshotFrame,
} from '../../src/kas/dashboard/wire.ts';
import type { Moved } from '../fleet/trend.ts';
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
const movesKept = 10_000;
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
/** All changes of late, those from before this page was opened too; oldest first. */
export const moves: Moved[] = [];
/** By index, for the ring around a cell that has just changed. */
export const changedAt = new Map<number, number>();

const rows = new Map<number, AgentRow>();
const states = new Map<number, RowState>();
/** What `agents` does not show yet. */
const touched = new Set<number>();
let isOrderKnown = false;
/** Where each is in `agents`, by index. */
let places = new Map<number, number>();
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
      isOrderKnown = false;
      publish();
    } else if (event === 'delta') hearDelta(frame as DeltaFrame);
  });
  if (frame.revision > revision)
    reading ??= readDirectory(frame.revision).finally(() => (reading = undefined));
}

function hearDelta(frame: DeltaFrame): void {
  if (revision >= frame.since && frame.revision > revision) {
    for (const row of frame.rows) describe(row);
    for (const index of frame.left) forget(index);
    ({ revision } = frame);
  }
  note(frame.changes, frame.at);
  if (touched.size > 0 || !isOrderKnown) publishSoon();
  else if (publishing === 0) sequence.value = heardSequence;
}

function describe(row: AgentRow): void {
  const known = rows.get(row.index);
  if (known?.name !== row.name || known.project !== row.project) isOrderKnown = false;
  rows.set(row.index, row);
  touched.add(row.index);
}

function forget(index: number): void {
  if (rows.delete(index)) isOrderKnown = false;
  states.delete(index);
}

function note(moved: readonly RowState[], at: number): void {
  const fresh: Change[] = [];
  for (const state of moved) {
    const [index, code] = state;
    const from = states.get(index)?.[1];
    states.set(index, state);
    touched.add(index);
    if (from === code) continue;
    fresh.push({ at, index, from, to: code });
    changedAt.set(index, performance.now());
  }
  moves.push(...fresh);
  if (moves.length > movesKept) moves.splice(0, moves.length - movesKept);
  if (fresh.length > 0)
    changes.value = [...fresh.slice(-changesKept).reverse(), ...changes.value].slice(0, changesKept);
  for (const [index, when] of changedAt) if (performance.now() - when > recent) changedAt.delete(index);
}

/** Only at the beginning, and when frames were missed: else the stream says all that is new. */
async function readDirectory(wanted: number): Promise<void> {
  const directory = await readJson<Directory>('/api/agents').catch(() => undefined);
  if (directory === undefined) {
    await new Promise((done) => setTimeout(done, retryMs));
    return;
  }
  revision = Math.max(wanted, directory.revision);
  rows.clear();
  isOrderKnown = false;
  for (const row of directory.agents) {
    rows.set(row.index, row);
    // The stream may not have told of it yet.
    if (!states.has(row.index))
      states.set(row.index, [row.index, codeOf(row.condition), row.since, row.reason]);
  }
  for (const index of states.keys()) if (!rows.has(index)) states.delete(index);
  if (!loaded.value) await readPast(directory);
  batch(() => {
    kas.value = directory.kas;
    loaded.value = true;
    publish();
  });
}

/** What happened before this page was opened. */
async function readPast({ now, agents: all }: Directory): Promise<void> {
  const past = await readJson<NewsView>(`/api/events?since=${now - pastMs}`).catch(() => undefined);
  const indexes = new Map(all.map(({ key, index }) => [key, index]));
  const first = moves[0]?.at ?? Infinity;
  const before = (past?.news ?? []).flatMap(({ at, kind, key, from, to }) => {
    const [index = -1, code] = [indexes.get(key), codeNamed(to)];
    if (kind !== 'agent' || code === undefined || at >= first) return [];
    return [{ at, index, from: codeNamed(from), to: code }];
  });
  moves.unshift(...before);
  const shown = before.filter(({ index, from, to }) => index >= 0 && from !== to).slice(-changesKept);
  changes.value = [...changes.value, ...shown.reverse()].slice(0, changesKept);
}

function codeNamed(condition: string): number | undefined {
  const code = agentConditions.findIndex((one) => one === condition);
  return code < 0 ? undefined : code;
}

export const pastMs = 1_800_000;
const retryMs = 1_000;
const fewMax = 500;
const paceMs = 250;
let publishedAt = 0;
let publishing = 0;

/** At once for few; for thousands at a pace at which a page can draw them. */
function publishSoon(): void {
  const leftMs = publishedAt + (rows.size < fewMax ? 0 : paceMs) - performance.now();
  if (leftMs <= 0) publish();
  else if (publishing === 0) publishing = window.setTimeout(publish, leftMs);
}

function publish(): void {
  clearTimeout(publishing);
  publishing = 0;
  publishedAt = performance.now();
  batch(() => {
    sequence.value = heardSequence;
    agents.value = isOrderKnown ? patched(agents.value) : inOrder();
    touched.clear();
  });
}

/** Those that were not touched stay the same objects, and all stay where they are. */
function patched(old: readonly Agent[]): readonly Agent[] {
  const all = [...old];
  for (const index of touched) {
    const [place, row] = [places.get(index), rows.get(index)];
    if (place !== undefined && row !== undefined) all[place] = agentOf(row);
  }
  return all;
}

const { compare } = new Intl.Collator('en', { numeric: true });

function inOrder(): readonly Agent[] {
  const all = [...rows.values()].map(agentOf);
  all.sort(
    (one, other) =>
      compare(one.project, other.project) || compare(one.name, other.name) || one.index - other.index,
  );
  places = new Map(all.map(({ index }, place) => [index, place]));
  isOrderKnown = true;
  return all;
}

function agentOf(row: AgentRow): Agent {
  const [, code = codeOf(row.condition), since = row.since, reason = row.reason] =
    states.get(row.index) ?? [];
  return { ...row, code, since, reason };
}

export function rowOf(index: number): AgentRow | undefined {
  return rows.get(index);
}
