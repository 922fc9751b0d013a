/**
 * What people ask of requests: which are under way, which were slow to find a tunnel, which failed. Of those that went well
 * nothing is kept but their number.
 */
import type { EndedRequest, Requests, SeenRequest } from '../../actors/index.ts';
import type { Clock } from '../../ports/index.ts';
import { shown } from './agent-condition.ts';
import { dashboardLimits } from './limits.ts';
import type { RequestLine, RequestsView } from './wire.ts';

export type LivingRequests = Pick<Requests, 'living' | 'count'>;

export class RequestLog {
  readonly #clock: Clock;
  readonly #slow: RequestLine[] = [];
  readonly #failed: RequestLine[] = [];
  readonly #counts = { forwarded: 0, refused: 0, timedOut: 0, unreachable: 0, abandoned: 0, crashed: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ended({ request, output }: EndedRequest): void {
    const kind = output?.kind ?? 'crashed';
    this.#counts[kind]++;
    const isSlow =
      request.forwardedMs !== undefined && request.forwardedMs - request.startedMs >= dashboardLimits.slowMs;
    if (kind === 'forwarded' && !isSlow) return;
    const line = this.#line(request, kind, reasonOf(output));
    if (isSlow) keep(this.#slow, line);
    if (kind !== 'forwarded') keep(this.#failed, line);
  }

  /** The last request to an agent that failed, among those kept. */
  lastFailed(agentId: string): { readonly at: number; readonly reason: string } | undefined {
    const line = this.#failed.findLast((one) => one.agentId === agentId);
    return line === undefined ? undefined : { at: line.startedAt, reason: `${line.state}, ${line.reason}` };
  }

  view(requests: LivingRequests): RequestsView {
    const living = requests.living(dashboardLimits.requestsShownMax);
    return {
      now: this.#clock.now(),
      living: living.map((request) => this.#line(request, request.state, '')),
      hidden: requests.count - living.length,
      slow: this.#slow.toReversed(),
      failed: this.#failed.toReversed(),
      counts: this.#counts,
      slowMs: dashboardLimits.slowMs,
    };
  }

  #line(request: SeenRequest, state: string, reason: string): RequestLine {
    const lastedMs = this.#clock.monotonic() - request.startedMs;
    const { forwardedMs, startedMs, exchange } = request;
    return {
      id: request.requestId,
      agentId: String(exchange.agentId),
      kind: exchange.kind,
      method: exchange.method,
      state,
      startedAt: this.#clock.now() - lastedMs,
      routedMs: forwardedMs === undefined ? null : forwardedMs - startedMs,
      lastedMs,
      reason: shown(reason),
    };
  }
}

function keep(lines: RequestLine[], line: RequestLine): void {
  lines.push(line);
  if (lines.length > dashboardLimits.requestsKeptMax) lines.shift();
}

function reasonOf(output: EndedRequest['output']): string {
  if (output === undefined) return 'its actor crashed';
  switch (output.kind) {
    case 'forwarded':
      return output.outcome;
    case 'refused':
      return `${output.httpStatus} ${output.reason}`;
    case 'timedOut':
    case 'unreachable':
      return output.message;
    case 'abandoned':
      return 'the caller went away';
  }
}
