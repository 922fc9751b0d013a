/**
 * `pods/exec` over WebSocket: one binary message per piece, its first byte the channel (subprotocols v4 and v5; v5 adds
 * the closing of a channel). The programs are canned.
 *
 * E1. The last message is the outcome on the error channel; then the connection closes.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../ports/index.ts';
import { listAt, textAt } from './json.ts';
import { limits } from './limits.ts';
import type { KubeObject } from './objects.ts';
import { badRequest, type Refusal, tooMany } from './refusal.ts';
import { runProgram, runScript, type ShellResult, type ShellWorld } from './shell.ts';
import { acceptWebSocket, type WebSocketConnection } from './websocket.ts';

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, close: 255 } as const;
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
/** A line typed at the canned shell may be this long. */
const lineCharsMax = 64 * 1024;

function outcome(code: number): string {
  if (code === 0) return JSON.stringify({ metadata: {}, status: 'Success' });
  return JSON.stringify({
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  });
}

/** One running command. */
class Session {
  connection: WebSocketConnection | undefined;
  private readonly command: readonly string[];
  private readonly world: ShellWorld;
  private readonly tty: boolean;
  private line = '';
  private lastCode = 0;

  constructor(command: readonly string[], world: ShellWorld, tty: boolean) {
    this.command = command;
    this.world = world;
    this.tty = tty;
  }

  private send(channel: number, text: string): void {
    if (text === '') return;
    const shown = this.tty && channel !== channels.error ? text.replaceAll(/\r?\n/g, '\r\n') : text;
    this.connection?.send(Buffer.concat([Buffer.from([channel]), Buffer.from(shown)]));
  }

  private show(result: ShellResult): void {
    this.send(channels.stdout, result.out);
    this.send(this.tty ? channels.stdout : channels.stderr, result.err);
    this.lastCode = result.code;
  }

  private end(code: number): void {
    this.send(channels.error, outcome(code)); // E1
    this.connection?.close();
  }

  start(): void {
    const [name = '', flag = '', script = ''] = this.command;
    if (/(^|\/)(ba)?sh$/.test(name)) {
      if (flag === '-c') this.finish(runScript(script, this.world));
      else this.prompt();
    } else if (name !== 'cat') {
      this.finish(runProgram(this.command, this.world));
    }
  }

  private finish(result: ShellResult): void {
    this.show(result);
    this.end(result.code);
  }

  private prompt(): void {
    if (this.tty) this.send(channels.stdout, '/ # ');
  }

  take(message: Buffer): void {
    const channel = message[0];
    if (channel === channels.stdin) this.typed(message.subarray(1).toString());
    else if (channel === channels.close && message[1] === channels.stdin) this.ended();
  }

  /** Standard input has ended: `cat` and the shell end with it. */
  private ended(): void {
    if (this.line !== '' && this.command[0] !== 'cat') this.run(this.line);
    this.end(this.lastCode);
  }

  private typed(text: string): void {
    if (this.command[0] === 'cat') {
      this.send(channels.stdout, text);
      return;
    }
    for (const char of text) {
      if (char === '\r' || char === '\n') {
        if (this.tty) this.send(channels.stdout, '\n');
        const line = this.line;
        this.line = '';
        if (this.run(line)) return;
        this.prompt();
      } else if (char === '\u0004' && this.line === '') {
        this.end(this.lastCode);
        return;
      } else if (char === '\u007f') {
        if (this.tty && this.line !== '') this.send(channels.stdout, '\b \b');
        this.line = this.line.slice(0, -1);
      } else if (this.line.length < lineCharsMax) {
        if (this.tty) this.send(channels.stdout, char);
        this.line += char;
      }
    }
  }

  /** Runs a typed line; true when it ended the shell. */
  private run(line: string): boolean {
    const result = runScript(line, this.world);
    this.show(result);
    if (result.exits) this.end(result.code);
    return result.exits;
  }
}

export class ExecSessions {
  private readonly clock: Clock;
  private readonly sockets = new Set<Duplex>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Takes over the socket of an admitted upgrade, or says why not. */
  serve(
    pod: KubeObject,
    query: URLSearchParams,
    request: IncomingMessage,
    socket: Duplex,
  ): Refusal | undefined {
    if (this.sockets.size >= limits.streamsMax) return tooMany('exec sessions');
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
    const protocol = protocols.find((one) => offered.includes(one));
    if (protocol === undefined)
      return badRequest(`only WebSocket with ${protocols.join(' or ')} is spoken here`);
    const command = query.getAll('command');
    if (command.length === 0) return badRequest('you must specify at least one command for the container');
    const container = query.get('container') ?? '';
    const known = listAt(pod, 'spec', 'containers').map((one) => textAt(one, 'name'));
    if (container !== '' && !known.includes(container)) {
      return badRequest(`container ${container} is not valid for pod ${pod.metadata.name}`);
    }
    if (textAt(pod, 'status', 'phase') !== 'Running')
      return badRequest('cannot exec into a pod that does not run');
    const world = {
      hostname: pod.metadata.name,
      namespace: pod.metadata.namespace ?? '',
      nowMs: () => this.clock.now(),
    };
    const session = new Session(command, world, query.get('tty') === 'true');
    const connection = acceptWebSocket(request, socket, protocol, {
      onMessage: (payload) => session.take(payload),
      onClosed: () => this.sockets.delete(socket),
    });
    if (connection === undefined) return badRequest('only WebSocket upgrades are spoken here');
    this.sockets.add(socket);
    session.connection = connection;
    session.start();
    return undefined;
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
