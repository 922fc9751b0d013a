/**
 * The parts of agentk's work for Flux while it runs, under one supervisor:
 *
 *   flux-parts (one_for_one)
 *   ├─ informer:gitrepositories, informer:receivers   copies of both kinds
 *   ├─ work-queue                                     makes Secret and Receiver per repository
 *   └─ flux-notifications                             pushes from kas, passed on to Flux
 */
import { fromPromise } from 'xstate';
import type { Clock, Log, Metrics, Random } from '../../ports/index.ts';
import { guarded, Supervisor } from '../../supervisor/index.ts';
import type { ChildSpec, SupervisorEnv } from '../../supervisor/index.ts';
import {
  workBackoffMs,
  workQueueDelays,
  workQueueMachine,
  type WorkOutcome,
} from '../../../statecharts/index.ts';
import type { KasCaller } from '../kas-caller.ts';
import { textAt, objectKey, type ClusterClient, type ResourceType } from '../kubernetes/index.ts';
import {
  informerChild,
  ObjectStore,
  withoutManagedFields,
  type ObjectChange,
} from '../kubernetes/informer/index.ts';
import type { LinkBoard } from '../link/index.ts';
import { gitRepositoryType, projectOf, receiverType, repositoryKey } from './flux-objects.ts';
import { KeyQueue } from './key-queue.ts';
import { fluxLimits } from './limits.ts';
import { createNotifications } from './notifications.actor.ts';
import { Reconciler } from './reconciler.ts';
import { Webhook } from './webhook.ts';

export interface FluxDeps {
  readonly client: ClusterClient;
  readonly board: LinkBoard;
  readonly caller: KasCaller;
  readonly env: SupervisorEnv;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface FluxSettings {
  readonly agentId: bigint;
  readonly gitlabExternalUrl: string;
  readonly webhookUrl: string;
}

const names = { queue: 'flux:work-queue', notifications: 'flux:notifications' } as const;

export class FluxParts {
  readonly supervisor: Supervisor;
  readonly #deps: FluxDeps;
  readonly #repositories: ObjectStore;
  readonly #receivers: ObjectStore;
  readonly #reconciler: Reconciler;
  readonly #queue: KeyQueue;
  readonly #webhook: Webhook;

  constructor(deps: FluxDeps, settings: () => FluxSettings) {
    this.#deps = deps;
    const { client, env, clock, random, log } = deps;
    this.#repositories = this.#store({});
    this.#receivers = this.#store({
      project: (receiver) => [projectOf(receiver)].filter((path) => path !== ''),
    });
    this.#queue = new KeyQueue(
      (failures) => workBackoffMs(failures) * (1 + random.next() * workQueueDelays.backoffJitter),
    );
    const [repositories, receivers] = [this.#repositories, this.#receivers];
    const { agentId, gitlabExternalUrl } = settings();
    this.#reconciler = new Reconciler({ client, repositories, receivers, agentId, gitlabExternalUrl, log });
    this.#webhook = new Webhook({ client, clock, log, url: () => settings().webhookUrl });
    const notifications = createNotifications({
      ...deps,
      projects: () => receivers.indexValues('project').slice(0, fluxLimits.projectsMax),
      onPush: (project) => this.#push(project),
    });
    repositories.subscribe((change) => this.#onRepository(change));
    receivers.subscribe((change) => {
      const key = repositoryKey(change.object);
      if (key !== undefined && change.kind !== 'resynced') this.#enqueue(key);
      if (notifications.outdated()) env.registry.send(names.notifications, { type: 'projects.changed' });
    });
    const children: ChildSpec[] = [
      this.#informer(gitRepositoryType, repositories),
      this.#informer(receiverType, receivers),
      { id: 'work-queue', name: names.queue, logic: this.#worker(), input: { queueId: names.queue } },
      {
        id: 'flux-notifications',
        name: names.notifications,
        logic: notifications.logic,
        input: { streamId: names.notifications },
      },
    ];
    const options = { id: 'flux-parts', strategy: 'one_for_one', intensity: 5, periodMs: 60_000 } as const;
    this.supervisor = new Supervisor({ ...options, children }, env);
  }

  /** For the metrics. */
  get sizes(): { readonly repositories: number; readonly receivers: number; readonly queue: number } {
    return {
      repositories: this.#repositories.size,
      receivers: this.#receivers.size,
      queue: this.#queue.size,
    };
  }

  async stop(): Promise<void> {
    await this.supervisor.stop();
    await this.#webhook.close();
  }

  #store(indexers: ConstructorParameters<typeof ObjectStore>[0]['indexers']): ObjectStore {
    const { log } = this.#deps;
    return new ObjectStore({
      objectsMax: fluxLimits.objectsMax,
      ...(indexers !== undefined && { indexers }),
      transform: withoutManagedFields,
      onHandlerError: (error) =>
        log.error('A change of the cluster was mishandled', { reason: String(error) }),
    });
  }

  #informer(type: ResourceType, store: ObjectStore): ChildSpec {
    const { client, clock, random, log } = this.#deps;
    const { resyncMs, objectsMax } = fluxLimits;
    return informerChild(`informer:${type.plural}`, {
      client,
      type,
      store,
      resyncMs,
      objectsMax,
      clock,
      random,
      log,
    });
  }

  #onRepository({ kind, object }: ObjectChange): void {
    const key = objectKey(object);
    if (kind === 'deleted') {
      this.#queue.forget(key);
      this.#reconciler.forget(key);
      return;
    }
    if (kind === 'resynced') this.#reconciler.forget(key);
    this.#enqueue(key);
  }

  #enqueue(key: string): void {
    this.#queue.add(key);
    this.#deps.env.registry.send(names.queue, { type: 'work.added' });
  }

  #push(project: string): void {
    for (const receiver of this.#receivers.byIndex('project', project)) {
      const path = textAt(receiver, 'status', 'webhookPath');
      if (path !== '') void this.#webhook.notify(objectKey(receiver), path);
    }
  }

  #worker() {
    const { log } = this.#deps;
    const logic = workQueueMachine.provide({
      actors: { work: fromPromise(({ signal }) => this.#work(signal)) },
      actions: {
        reportCrash: (_, { reason }) => log.error('Work on a Git repository of Flux failed', { reason }),
      },
    });
    return guarded(logic);
  }

  async #work(signal: AbortSignal): Promise<WorkOutcome> {
    const { clock } = this.#deps;
    const taken = this.#queue.take(clock.monotonic());
    if (taken === undefined) return { kind: 'empty' };
    if ('waitMs' in taken) return { kind: 'later', waitMs: taken.waitMs };
    let done = false;
    try {
      done = await this.#reconciler.reconcile(taken.key, signal);
    } finally {
      this.#queue.settle(done, clock.monotonic());
    }
    return { kind: 'more' };
  }
}
