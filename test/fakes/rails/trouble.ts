/** Ways in which a GitLab can be in trouble, played on the next requests whose path contains a text. */
import type { ServerResponse } from 'node:http';

export type RailsTrouble =
  /** Answers so; `json` or `text` is the body. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly json?: unknown;
      readonly text?: string;
    }
  /** Takes the request and says nothing. */
  | { readonly kind: 'hang' }
  /** Sends the head and a part of the body, then nothing. */
  | { readonly kind: 'hangInBody' }
  /** Closes the connection before an answer. */
  | { readonly kind: 'cut' }
  /** Closes the connection in the middle of the body. */
  | { readonly kind: 'cutInBody' }
  /** 200 and something that begins like JSON. */
  | { readonly kind: 'brokenJson' }
  /** 200 and valid JSON of this many bytes. */
  | { readonly kind: 'huge'; readonly bytes: number }
  /** A page for people, as load balancers and sign-in walls give; 200 unless said otherwise. */
  | { readonly kind: 'html'; readonly status?: number };

const json = { 'Content-Type': 'application/json' };

export function playTrouble(trouble: RailsTrouble, response: ServerResponse): void {
  switch (trouble.kind) {
    case 'status': {
      const isJson = trouble.json !== undefined;
      const body = isJson ? JSON.stringify(trouble.json) : (trouble.text ?? '');
      response.writeHead(trouble.status, { ...(isJson ? json : {}), ...trouble.headers }).end(body);
      return;
    }
    case 'hang':
      return;
    case 'hangInBody':
      response.writeHead(200, json).write('{"project_id":');
      return;
    case 'cut':
      response.destroy();
      return;
    case 'cutInBody':
      response.writeHead(200, { ...json, 'Content-Length': '1000' });
      response.write('{"project_id":', () => response.destroy());
      return;
    case 'brokenJson':
      response.writeHead(200, json).end('{"project_id":');
      return;
    case 'huge':
      response.writeHead(200, json).end(JSON.stringify({ filler: 'x'.repeat(trouble.bytes) }));
      return;
    case 'html':
      response
        .writeHead(trouble.status ?? 200, { 'Content-Type': 'text/html; charset=utf-8' })
        .end('<!DOCTYPE html><html><body>Please sign in</body></html>');
  }
}
