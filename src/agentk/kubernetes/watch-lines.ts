/** The events of a watch: one JSON object per line, cut out of whatever chunks arrive, each line bounded. */
import { fieldsOf } from './kube-object.ts';
import type { JsonFields } from './kube-object.ts';
import { clusterLimits } from './limits.ts';

export interface WatchEvent {
  /** `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`, `ERROR`. */
  readonly type: string;
  readonly object: JsonFields;
}

/** Throws on a line that is too long or no event: the stream is then of no use. */
export async function* watchEvents(body: AsyncIterable<Buffer>): AsyncGenerator<WatchEvent> {
  let pending: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...pending, chunk.subarray(from, end)]);
      pending = [];
      bytes = 0;
      from = end + 1;
      if (line.length > 0) yield eventOf(line);
    }
    if (from < chunk.length) {
      pending.push(chunk.subarray(from));
      bytes += chunk.length - from;
    }
    if (bytes > clusterLimits.watchLineBytesMax) throw new Error('an event of the watch is too large');
  }
}

function eventOf(line: Buffer): WatchEvent {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line.toString('utf8'));
  } catch {
    throw new Error('the watch sent something that is no JSON');
  }
  const { type, object } = fieldsOf(parsed);
  if (typeof type !== 'string') throw new Error('the watch sent something that is no event');
  return { type, object: fieldsOf(object) };
}
