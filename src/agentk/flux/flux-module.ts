/** The module `flux` (`spec/agentk.md §6.1`): `statecharts/flux.ts` with its parts, on the replica that leads. */
import { fromPromise } from 'xstate';
import type { AnyActorLogic } from 'xstate';
import type { AgentConfiguration } from '../../protocol/index.ts';
import { guarded, Supervisor } from '../../supervisor/index.ts';
import { fluxDelays, fluxMachine } from '../../../statecharts/index.ts';
import { Discovery, failureText } from '../kubernetes/index.ts';
import type { AgentModule, RunningModule } from '../modules/index.ts';
import { gitRepositoryType, receiverType } from './flux-objects.ts';
import { FluxParts, type FluxDeps, type FluxSettings } from './flux-parts.ts';
import { fluxLimits } from './limits.ts';
import { webhookPlace } from './webhook.ts';

/** Where the metrics find the parts that run now. */
interface Shown {
  parts: FluxParts | undefined;
}

export function createFluxModule(deps: FluxDeps): AgentModule {
  const shown: Shown = { parts: undefined };
  measure(deps, shown);
  return {
    name: 'flux',
    leaderOnly: true,
    check: ({ flux }) =>
      webhookPlace(flux?.webhookReceiverUrl ?? '') === undefined
        ? 'flux.webhook_receiver_url must be an http or https URL, or the path of a service proxy of the API server'
        : undefined,
    // Without GitLab's URL no repository can be told to be one of its projects.
    wanted: (configuration) => (configuration?.gitlabExternalUrl ?? '') !== '',
    start: async (failed, _signal, configuration) => {
      if (configuration === undefined) throw new Error('flux needs a configuration');
      return runFlux(deps, shown, settingsOf(configuration), failed);
    },
  };
}

async function runFlux(
  deps: FluxDeps,
  shown: Shown,
  given: FluxSettings,
  failed: (reason: string) => void,
): Promise<RunningModule> {
  let settings = given;
  const logic = createFluxLogic(deps, shown, () => settings);
  const shutdown = fluxDelays.stopMs + 1_000;
  const children = [{ id: 'flux', logic, input: { fluxId: 'flux' }, shutdown }];
  const supervisor = new Supervisor({ id: 'flux-tree', strategy: 'one_for_one', children }, deps.env);
  await supervisor.start();
  void supervisor.exit.then(() => failed('it crashed too often')); // after a stop nobody listens
  return {
    configure: (configuration) => {
      if (configuration !== undefined) settings = settingsOf(configuration);
    },
    stop: () => supervisor.stop(),
  };
}

function settingsOf({ agentId, gitlabExternalUrl, flux }: AgentConfiguration): FluxSettings {
  return { agentId, gitlabExternalUrl, webhookUrl: flux?.webhookReceiverUrl ?? '' };
}

function createFluxLogic(deps: FluxDeps, shown: Shown, settings: () => FluxSettings): AnyActorLogic {
  const { client, clock, random, log } = deps;
  const discovery = new Discovery(client, clock);
  const logic = fluxMachine.provide({
    actors: {
      look: fromPromise(async () => {
        discovery.reset();
        for (const { group, version, kind } of [gitRepositoryType, receiverType]) {
          const found = await discovery.find(group, version, kind);
          if (found.kind !== 'ok') throw new Error(failureText(found));
          if (found.value === undefined) return { present: false };
        }
        return { present: true };
      }),
      runParts: fromPromise(async () => {
        const parts = new FluxParts(deps, settings);
        shown.parts = parts;
        await parts.supervisor.start();
        await parts.supervisor.exit;
        await parts.stop();
      }),
      stopParts: fromPromise(async () => {
        await shown.parts?.stop();
        shown.parts = undefined;
      }),
    },
    actions: {
      reportAbsent: () => log.debug('The cluster has no Flux that agentk can work with'),
      reportUnknown: (_, { reason }) => log.warn('Cannot find out whether the cluster has Flux', { reason }),
      reportEnded: (_, { reason }) => log.error('Work for Flux ended, trying again', { reason }),
    },
    delays: { recheck: () => fluxDelays.recheckMs * (1 + random.next() * fluxDelays.recheckJitter) },
  });
  return guarded(logic);
}

function measure({ metrics }: FluxDeps, shown: Shown): void {
  const sizes: ReadonlyArray<readonly [string, string, () => number | undefined]> = [
    ['repositories', 'Git repositories of Flux known.', () => shown.parts?.sizes.repositories],
    ['receivers', 'Receivers of Flux known.', () => shown.parts?.sizes.receivers],
    ['queue', 'Git repositories of Flux that wait for work.', () => shown.parts?.sizes.queue],
    ['objects_max', 'Bound of repositories and of Receivers.', () => fluxLimits.objectsMax],
  ];
  for (const [name, help, read] of sizes) {
    metrics.observed({ name: `agentk_flux_${name}`, help }, () => read() ?? 0);
  }
}
