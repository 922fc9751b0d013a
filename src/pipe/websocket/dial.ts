/**
 * The client's half of the WebSocket handshake (`spec/wire.md §4.3`), over a socket that somebody else connected.
 *
 * D1. The caller's signal ends it at any moment; then the socket is destroyed.
 * D2. An answer other than 101 is told with what is needed to explain it: status, `Location`, kind and beginning of the body.
 * D3. An answer without a sub-protocol is good, one with another is not.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { tunnelProtocol, webSocketLimits, webSocketOptions } from './limits.ts';
import { WebSocketStream } from './websocket-stream.ts';

export interface WebSocketDial {
  /** Connected, and secured if the URL is `wss`. */
  readonly socket: Socket;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** In place of the path: the whole URL, for a proxy that forwards plain HTTP. */
  readonly requestTarget?: string | undefined;
  readonly signal: AbortSignal;
}

export type WebSocketDialled =
  | {
      readonly kind: 'open';
      readonly stream: Duplex;
      /** Headers of the answer. */
      readonly server: string;
      readonly date: string | undefined;
    }
  | { readonly kind: 'answered'; readonly answer: UnexpectedAnswer }
  /** No HTTP answer, or one that breaks the protocol. */
  | { readonly kind: 'failed'; readonly reason: string };

/** An HTTP answer that is not the upgrade that was asked for. Everything in it comes from the network. */
export interface UnexpectedAnswer {
  readonly status: number;
  readonly server: string;
  readonly date: string | undefined;
  readonly location: string | undefined;
  readonly contentType: string;
  /** The beginning of the body. */
  readonly body: string;
}

/** Never rejects. */
export function dialWebSocket(dial: WebSocketDial): Promise<WebSocketDialled> {
  const { socket, url, headers, requestTarget, signal } = dial;
  return new Promise((resolve) => {
    const webSocket = new WebSocket(url, [tunnelProtocol], {
      ...webSocketOptions,
      headers,
      maxHeaderSize: webSocketLimits.headerBytesMax,
      createConnection: () => socket,
      finishRequest: (request) => {
        if (requestTarget !== undefined) request.path = requestTarget;
        request.end();
      },
    });
    const abort = () => webSocket.terminate();
    const settle = (outcome: WebSocketDialled) => {
      signal.removeEventListener('abort', abort);
      if (outcome.kind !== 'open') socket.destroy();
      resolve(outcome);
    };
    signal.addEventListener('abort', abort, { once: true }); // D1
    webSocket.on('error', (error) => settle({ kind: 'failed', reason: error.message }));
    let server = '';
    let date: string | undefined;
    webSocket.once('upgrade', (response) => {
      server = String(response.headers['server'] ?? '').slice(0, 200);
      date = response.headers.date?.slice(0, 64);
      response.headers['sec-websocket-protocol'] ??= tunnelProtocol; // D3
    });
    webSocket.once('unexpected-response', (request: ClientRequest, response: IncomingMessage) => {
      readAnswer(response, (answer) => {
        settle({ kind: 'answered', answer }); // D2
        request.destroy();
      });
    });
    webSocket.once('open', () =>
      settle({ kind: 'open', stream: new WebSocketStream(webSocket), server, date }),
    );
    if (signal.aborted) abort();
  });
}

function readAnswer(response: IncomingMessage, done: (answer: UnexpectedAnswer) => void): void {
  let body = '';
  const finish = () => {
    response.removeAllListeners();
    response.on('error', () => {});
    const { statusCode = 0, headers } = response;
    const text = (name: string) => String(headers[name] ?? '').slice(0, 200);
    done({
      status: statusCode,
      server: text('server'),
      date: headers.date?.slice(0, 64),
      location: headers.location?.slice(0, 1_000),
      contentType: text('content-type'),
      body: body.slice(0, webSocketLimits.answerBytesMax),
    });
  };
  response.setEncoding('latin1');
  response.on('data', (text: string) => {
    body += text;
    if (body.length >= webSocketLimits.answerBytesMax) finish();
  });
  response.once('end', finish);
  response.once('error', finish);
  response.once('close', finish);
}
