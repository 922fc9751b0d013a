/**
 * Header maps: `map<string, Values>` on the wire, a flat list `[name, value, name, value, ...]` with us, as node:http
 * gives and takes it. A name that comes several times (Set-Cookie, Warning, Impersonate-Group) is one map entry with
 * several values in order; the order between names is kept too, though nobody may rely on it.
 *
 * 1. Names are compared as they are: the caller has made them canonical (headers) or lower case (metadata).
 */
import { frameWriter } from './frame-writer.ts';
import { pairsComparedMax } from './limits.ts';

/** `[name, value, name, value, ...]`; repeated names are several values. */
export type FlatPairs = readonly string[];

/** What the encoders take for a map: pairs, or a map of lists such as `Metadata`. */
export type PairSource = FlatPairs | ReadonlyMap<string, readonly string[]>;

const keyTag = 0x0a;
const valueTag = 0x12;
const elementTag = 0x0a;

/** Writes all entries of a map field. */
export function putHeaderMap(tag: number, source: PairSource): void {
  if (!isFlat(source)) {
    for (const [name, values] of source) putEntry(tag, name, values);
    return;
  }
  if (source.length > pairsComparedMax * 2) {
    putHeaderMap(tag, grouped(source));
    return;
  }
  for (let i = 0; i + 1 < source.length; i += 2) putFlatEntry(tag, source, i);
}

/** Joins the values of equal names; the order of first appearance is kept. */
export function grouped(pairs: FlatPairs): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const name = pairs[i] ?? '';
    const value = pairs[i + 1] ?? '';
    const values = map.get(name);
    if (values === undefined) map.set(name, [value]);
    else values.push(value);
  }
  return map;
}

function isFlat(source: PairSource): source is FlatPairs {
  return Array.isArray(source);
}

function putEntry(tag: number, name: string, values: readonly string[]): void {
  const entry = frameWriter.open(tag, 1);
  frameWriter.text(keyTag, name);
  const list = frameWriter.open(valueTag, 1);
  for (const value of values) frameWriter.text(elementTag, value);
  frameWriter.close(list, 1);
  frameWriter.close(entry, 1);
}

/** Writes the name at `index` with the values of all its later pairs, unless an earlier pair has done so. */
function putFlatEntry(tag: number, pairs: FlatPairs, index: number): void {
  const name = pairs[index] ?? '';
  for (let i = 0; i < index; i += 2) if (pairs[i] === name) return;
  const entry = frameWriter.open(tag, 1);
  frameWriter.text(keyTag, name);
  const list = frameWriter.open(valueTag, 1);
  frameWriter.text(elementTag, pairs[index + 1] ?? '');
  for (let i = index + 2; i + 1 < pairs.length; i += 2) {
    if (pairs[i] === name) frameWriter.text(elementTag, pairs[i + 1] ?? '');
  }
  frameWriter.close(list, 1);
  frameWriter.close(entry, 1);
}
