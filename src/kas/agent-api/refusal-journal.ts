/**
 * What the operator reads of connections that were turned away. A peer chooses how often it comes, so each kind of trouble
 * has one line a minute, which says how often it was silent.
 */
import type { Clock, Log } from '../../ports/index.ts';

const quietMs = 60_000;
const remedies = {
  notWebSocket:
    'Agents use a kas-address with grpc:, grpcs:, ws: or wss:; a proxy in between must pass upgrades on',
  webSocketOff: 'Set agent.listen.websocket to true, or give agents a kas-address with grpc: or grpcs:',
  noSubprotocol: 'Only agentk opens WebSockets here; a proxy in between must pass Sec-WebSocket-Protocol on',
  silent: 'Something connects and says nothing; a health check should ask the observability listener',
  unfinished: 'Something sends only half of an HTTP request',
  tls: 'The agent may not trust the certificate of agent.listen, or does not speak TLS here',
} as const;

export type Trouble = keyof typeof remedies;

export class RefusalJournal {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #said = new Map<Trouble, { readonly atMs: number; silent: number }>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** `reason` may hold words of the peer: bounded and without control characters. */
  note(trouble: Trouble, peer: string, reason: string): void {
    const now = this.#clock.monotonic();
    const before = this.#said.get(trouble);
    const fields = { peer, reason, remedy: remedies[trouble] };
    if (before !== undefined && now - before.atMs < quietMs) {
      before.silent += 1;
      return this.#log.debug('Agent connection turned away', fields);
    }
    this.#said.set(trouble, { atMs: now, silent: 0 });
    const repeats = before === undefined || before.silent === 0 ? {} : { repeats_before: before.silent };
    this.#log.info('Agent connection turned away', { ...fields, ...repeats });
  }
}
