/** The entry of a manifest worker thread: one task in, one answer out, nothing kept between them. */
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { readManifests } from './read-manifests.ts';
import type { WorkerInput } from './worker.input.ts';
import type { PackedManifest, WorkerOutput } from './worker.output.ts';

/** Called by the pool, by this name. The buffer of the answer changes hands. */
export function readTask({ files, wantObjects }: WorkerInput): unknown {
  const read = readManifests(files);
  if (read.kind === 'invalid') return read;
  const kept = wantObjects ? read.manifests : [];
  const json = new Uint8Array(kept.reduce((sum, manifest) => sum + manifest.json.length, 0));
  let to = 0;
  const packed = kept.map(({ json: bytes, ...manifest }): PackedManifest => {
    const from = to;
    json.set(bytes, from);
    to += bytes.length;
    return { ...manifest, from, to };
  });
  const output: WorkerOutput = { kind: 'ok', packed, json: json.buffer, warnings: read.warnings };
  return move({ [transferableSymbol]: json.buffer, [valueSymbol]: output });
}
