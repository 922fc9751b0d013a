/** `kastor record`: the flight recorder of a running kas or agentk, as a file. */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { KasApi } from '../remote/kas-api.ts';
import { targetOf, type TargetOptions } from '../remote/target.ts';
import { Trouble } from '../remote/trouble.ts';
import type { Terminal } from '../terminal/paint.ts';

export interface RecordOptions extends TargetOptions {
  readonly output?: string;
}

const recordMsMax = 60_000;

export async function record(options: RecordOptions, { stdout, stderr }: Terminal): Promise<void> {
  const { output } = options;
  const api = new KasApi(targetOf(options));
  try {
    const { body, type } = await api.open('/api/recorder', {}, AbortSignal.timeout(recordMsMax));
    if (!type.startsWith('application/x-ndjson')) {
      throw new Trouble('foreign', `${api.target.name} answered something else than a recording`);
    }
    const to = output === undefined ? stdout : createWriteStream(output, { flush: true });
    let lines = 0;
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      for (const byte of chunk) if (byte === 10) lines++;
      if (!to.write(chunk)) await once(to, 'drain');
    }
    if (output === undefined) return;
    await new Promise<void>((done) => to.end(done));
    stderr.write(`kastor: ${lines} lines in ${output}; "kastor conform ${output}" judges them\n`);
  } catch (error) {
    if (error instanceof Trouble) throw error;
    throw new Trouble('unreachable', `the recording ended early: ${String(error)}`);
  } finally {
    await api.close();
  }
}
