/**
 * The modules of the original that agentk does not have: `starboard_vulnerability` (container scanning), `remote_development`
 * (workspaces), `google_profiler`. One line in the log per section that asks for one of them, when it begins to.
 */
import { fromPromise } from 'xstate';
import type { AnyActorLogic } from 'xstate';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { statusText } from '../../protocol/index.ts';
import { guarded, Supervisor } from '../../supervisor/index.ts';
import type { SupervisorEnv } from '../../supervisor/index.ts';
import {
  inquiryBackoffMs,
  policyInquiryDelays,
  policyInquiryMachine,
  type InquiryOutcome,
} from '../../../statecharts/index.ts';
import type { GitlabAccess } from '../gitlab-access.ts';
import { fieldsOf } from '../kubernetes/index.ts';
import type { AgentModule } from '../modules/index.ts';
import { absentSections } from './absent-sections.ts';

const notIncluded = 'Not included in this agentk: nothing is done for a section of the configuration';

/** Says once per section what is not done. */
export function createNotIncludedModule(log: Log): AgentModule {
  const told = new Set<string>();
  return {
    name: 'not_included',
    check: () => undefined,
    wanted: () => true,
    start: async () => ({
      configure: (configuration) => {
        if (configuration === undefined) return;
        const sections = absentSections(configuration);
        const names = new Set(sections.map(({ section }) => section));
        for (const section of told) if (!names.has(section)) told.delete(section);
        for (const { section, remedy } of sections) {
          if (told.has(section)) continue;
          told.add(section);
          log.warn(notIncluded, { section, remedy });
        }
      },
      stop: async () => {},
    }),
  };
}

export interface ScanPoliciesDeps {
  /** Of the module `starboard_vulnerability`. */
  readonly gitlab: Pick<GitlabAccess, 'request'>;
  readonly env: SupervisorEnv;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Asks GitLab for scan policies, on the replica that leads, and says once that there are some and nobody scans. */
export function createScanPoliciesModule(deps: ScanPoliciesDeps): AgentModule {
  return {
    name: 'starboard_vulnerability',
    leaderOnly: true,
    check: () => undefined,
    wanted: (configuration) => configuration !== undefined,
    start: async (failed) => {
      const logic = createInquiryLogic(deps);
      const children = [{ id: 'policy-inquiry', logic, input: { inquiryId: 'policy-inquiry' } }];
      const supervisor = new Supervisor({ id: 'scan-policies', strategy: 'one_for_one', children }, deps.env);
      await supervisor.start();
      void supervisor.exit.then(() => failed('it crashed too often')); // after a stop nobody listens
      return { configure: () => {}, stop: () => supervisor.stop() };
    },
  };
}

function createInquiryLogic({ gitlab, clock, random, log }: ScanPoliciesDeps): AnyActorLogic {
  const { periodMs, periodJitter, backoffJitter } = policyInquiryDelays;
  let told = false;
  const ask = async (signal: AbortSignal): Promise<InquiryOutcome> => {
    const answer = await gitlab.request({ path: '/policies_configuration', signal });
    if (answer.kind === 'failed') {
      log.debug('GitLab was not asked for scan policies', { reason: statusText(answer.status) });
      return { kind: 'failed', atMs: clock.monotonic() };
    }
    const policies = answer.status === 200 && hasPolicies(answer.body);
    if (policies && !told) {
      const remedy = 'disable the policy for this agent, or run the original agentk with an agent of its own';
      log.warn(notIncluded, { section: 'scan execution policies of GitLab', remedy });
    }
    told = policies;
    // 402 and 404 are answers too: no licence, no policies.
    const answered = answer.status < 500 && answer.status !== 429;
    return answered ? { kind: 'answered' } : { kind: 'failed', atMs: clock.monotonic() };
  };
  const logic = policyInquiryMachine.provide({
    actors: { ask: fromPromise(({ signal }) => ask(signal)) },
    delays: {
      period: () => periodMs * (1 + random.next() * periodJitter),
      backoff: ({ context }) => inquiryBackoffMs(context.failures) * (1 + random.next() * backoffJitter),
    },
  });
  return guarded(logic);
}

function hasPolicies(body: Buffer): boolean {
  try {
    const { configurations } = fieldsOf(JSON.parse(body.toString('utf8')));
    return Array.isArray(configurations) && configurations.length > 0;
  } catch {
    return false;
  }
}
