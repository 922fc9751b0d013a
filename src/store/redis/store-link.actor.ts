/** `statecharts/store-link.ts` joined to the links: one logic for all of them, once per process. */
import { fromCallback, fromPromise, type AnyActorLogic, type EventObject } from 'xstate';
import { storeBackoffMs, storeLinkMachine, type DialVerdict } from '../../../statecharts/index.ts';
import type { Log, Metrics, Random } from '../../ports/index.ts';
import { guarded } from '../../supervisor/index.ts';
import type { StoreLink } from './link.ts';

export interface StoreLinkDeps {
  readonly links: ReadonlyMap<string, StoreLink>;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}

type Named = { readonly name: string; readonly incarnation: number };

/** The input is that of the chart; `name` is a key of `links`. */
export function createStoreLinkLogic({ links, random, log, metrics }: StoreLinkDeps): AnyActorLogic {
  const link = (name: string): StoreLink => {
    const found = links.get(name);
    if (found === undefined) throw new Error(`no link is called ${name}`);
    return found;
  };
  const dials = metrics.counter({
    name: 'redis_dials_total',
    help: 'Connections to Redis tried, by link and outcome: connected, refused, unreachable.',
    labelNames: ['link', 'outcome'],
  });
  return guarded(
    storeLinkMachine.provide({
      actors: {
        sockets: fromCallback<EventObject, { name: string }>(({ input }) => {
          return () => link(input.name).drop('stopped');
        }),
        dial: fromPromise<DialVerdict, Named>(async ({ input, self, signal }) => {
          const parent = self._parent;
          const lost = (reason: string) =>
            parent?.send({ type: 'connection.lost', incarnation: input.incarnation, reason });
          const before = link(input.name).trouble;
          const verdict = await link(input.name).dial(lost, signal);
          // Told when it is another reason than before, not at each try.
          if (verdict.kind !== 'connected' && verdict.reason !== before) {
            log.warn('No connection to Redis, trying again', { link: input.name, reason: verdict.reason });
          }
          dials.inc({ link: input.name, outcome: verdict.kind });
          return verdict;
        }),
        probe: fromPromise<void, Named>(({ input }) => link(input.name).probe()),
        finish: fromPromise<void, Named>(async ({ input }) => link(input.name).duties.finish?.()),
      },
      actions: {
        announce: ({ context }, { name }) => {
          link(name).lend();
          if (context.incarnation > 1) log.info('Redis is available again', { link: name });
          else log.debug('Connected to Redis', { link: name });
        },
        withdraw: ({ context }, { name }) => link(name).drop(context.reason),
        reportTrouble: (_, { name, reason }) =>
          log.warn('Redis is not available, going on without it', { link: name, reason }),
      },
      delays: {
        backoff: ({ context }) => storeBackoffMs(context.failures) * (1 + random.next()),
      },
    }),
  );
}
