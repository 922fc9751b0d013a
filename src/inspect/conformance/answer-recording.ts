/** The recording as the answer to a request: written piece by piece, as fast as it is read. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { recordingOf, type RecordingSource } from './recording.ts';

export async function answerRecording(source: RecordingSource, response: ServerResponse): Promise<void> {
  response.writeHead(200, {
    'Content-Type': 'application/x-ndjson',
    'Content-Disposition': `attachment; filename="${source.program}-flight-recorder.ndjson"`,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  try {
    await pipeline(Readable.from(recordingOf(source)), response);
  } catch {
    response.destroy(); // who asked has gone
  }
}
