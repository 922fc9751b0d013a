/** Reads server-sent events with node:http alone. */
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Inbox } from '../waiting.ts';

export interface ReadEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

export class EventReader {
  readonly events = new Inbox<ReadEvent>();
  readonly headers: Promise<IncomingHttpHeaders>;
  readonly #request: ReturnType<typeof get>;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#request = get(url, { headers, agent: false });
    this.#request.on('error', () => this.events.close());
    this.headers = new Promise((resolve) =>
      this.#request.once('response', (response: IncomingMessage) => {
        resolve(response.headers);
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          const frames = text.split('\n\n');
          text = frames.pop() ?? '';
          for (const frame of frames) this.events.push(parse(frame));
        });
        response.once('close', () => this.events.close());
      }),
    );
  }

  close(): void {
    this.#request.destroy();
  }
}

function parse(frame: string): ReadEvent {
  const fields = new Map(
    frame.split('\n').map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    }),
  );
  return {
    id: fields.get('id') ?? '',
    event: fields.get('event') ?? '',
    data: JSON.parse(fields.get('data') ?? '{}') as Record<string, unknown>,
  };
}
