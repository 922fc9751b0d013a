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
import { webhookPlace } from './webhook.ts';

export function createFluxModule(deps: FluxDeps): AgentModule {
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
      return runFlux(deps, settingsOf(configuration), failed);
    },
  };
}

async function runFlux(
  deps: FluxDeps,
  given: FluxSettings,
  failed: (reason: string) => void,
): Promise<RunningModule> {
  let settings = given;
  const logic = createFluxLogic(deps, () => settings);
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

function createFluxLogic(deps: FluxDeps, settings: () => FluxSettings): AnyActorLogic {
  const { client, clock, random, log } = deps;
  const discovery = new Discovery(client, clock);
  let parts: FluxParts | undefined;
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
        parts = new FluxParts(deps, settings);
        await parts.supervisor.start();
        await parts.supervisor.exit;
        await parts.stop();
      }),
      stopParts: fromPromise(async () => {
        await parts?.stop();
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
