/**
 * Logs of simulated containers: a few lines about the past, then one more line each second for those who follow.
 * Lines are made from the pod's age, so that two readers see the same log.
 */
import type { Clock } from '../../ports/index.ts';
import { at, listAt, textAt } from './json.ts';
import { limits, paces } from './limits.ts';
import type { KubeObject } from './objects.ts';
import type { OpenResponse } from './open-response.ts';
import { badRequest, Refusal, tooMany } from './refusal.ts';
import type { Store } from './store.ts';

const pastLinesMax = 10_000;

const messages = ['GET /healthz 200', 'GET / 200', 'cache refreshed', 'GET /metrics 200', 'POST /items 201'];

function line(pod: KubeObject, container: string, index: number): string {
  return `${container} ${pod.metadata.name} line ${index}: ${messages[index % messages.length] ?? ''}`;
}

/** The container whose log is asked for. */
function containerOf(pod: KubeObject, asked: string): string | Refusal {
  const names = [...listAt(pod, 'spec', 'containers'), ...listAt(pod, 'spec', 'initContainers')].map((one) =>
    textAt(one, 'name'),
  );
  const { name } = pod.metadata;
  if (asked !== '') {
    return names.includes(asked) ? asked : badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  if (listAt(pod, 'spec', 'containers').length === 1) return names[0] ?? '';
  return badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`,
  );
}

function startedMs(pod: KubeObject, container: string): number | undefined {
  const status = listAt(pod, 'status', 'containerStatuses').find((one) => textAt(one, 'name') === container);
  const started =
    textAt(status, 'state', 'running', 'startedAt') || textAt(status, 'state', 'terminated', 'startedAt');
  return started === '' ? undefined : Date.parse(started);
}

export class PodLogs {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly followers = new Set<OpenResponse>();

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  /** Answers `GET pods/NAME/log`, or says why not. */
  serve(pod: KubeObject, query: URLSearchParams, response: OpenResponse): Refusal | undefined {
    const container = containerOf(pod, query.get('container') ?? '');
    if (container instanceof Refusal) return container;
    const started = startedMs(pod, container);
    if (started === undefined) {
      return badRequest(
        `container "${container}" in pod "${pod.metadata.name}" is waiting to start: ContainerCreating`,
      );
    }
    const follow = ['true', '1'].includes(query.get('follow') ?? '');
    if (follow && this.followers.size >= limits.streamsMax) return tooMany('log followers');
    const now = Math.floor((this.clock.now() - started) / paces.logLineMs);
    const tail = query.get('tailLines');
    const wanted = tail === null ? pastLinesMax : Math.min(Number(tail) || 0, pastLinesMax);
    const first = Math.max(0, now + 1 - wanted);
    const stamped = ['true', '1'].includes(query.get('timestamps') ?? '');
    const write = (index: number): boolean => {
      const time = stamped ? `${new Date(started + index * paces.logLineMs).toISOString()} ` : '';
      return response.write(`${time}${line(pod, container, index)}\n`);
    };
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-cache, private' });
    response.flushHeaders();
    for (let index = first; index <= now; index += 1) write(index);
    if (follow) this.follow(pod, now + 1, write, response);
    else response.end();
    return undefined;
  }

  private follow(
    pod: KubeObject,
    from: number,
    write: (index: number) => boolean,
    response: OpenResponse,
  ): void {
    let index = from;
    const step = (): void => {
      const current = this.store.get('/pods', pod.metadata.namespace, pod.metadata.name);
      const running =
        current?.metadata.uid === pod.metadata.uid && at(current, 'status', 'phase') === 'Running';
      if (!running) {
        response.end();
        return;
      }
      // A reader that does not keep up misses lines rather than filling memory.
      if (!response.writableNeedDrain) write(index);
      index += 1;
      timer = this.clock.setTimeout(step, paces.logLineMs);
    };
    let timer = this.clock.setTimeout(step, paces.logLineMs);
    this.followers.add(response);
    response.once('close', () => {
      this.clock.clearTimeout(timer);
      this.followers.delete(response);
    });
  }

  stop(): void {
    for (const response of this.followers) response.end();
  }
}
