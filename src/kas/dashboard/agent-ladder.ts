/**
 * The hops between an agent and its use, as kas sees them: each stands on the one before. The first that is broken says what
 * was observed and what to do; what stands on it is not looked at. What lies before kas (names, proxies, certificates) only
 * the agent can see: `kastor doctor agent` climbs that part.
 */
import { adviceFor, shown } from './agent-condition.ts';
import type { LadderRung } from './wire.ts';

/** What is known of the session that speaks for its agent. */
export interface LadderFacts {
  /** The state's name, as transitions are observed. */
  readonly state: string;
  /** Why it is not online; empty when it is. */
  readonly reason: string;
  readonly isOver: boolean;
  readonly isRefused: boolean;
  readonly peer: string;
  /** Who GitLab says it is; undefined before it said so. */
  readonly agent: string | undefined;
  readonly pod: string;
  readonly watches: number;
  readonly tunnels: number;
  readonly idleTunnels: number;
  readonly failedRequest: { readonly at: number; readonly reason: string } | undefined;
}

interface Hop {
  readonly rung: string;
  readonly state: 'good' | 'bad' | 'waiting';
  readonly observed: string;
  readonly remedy?: string;
}

export function ladderOf(facts: LadderFacts): readonly LadderRung[] {
  const rungs: LadderRung[] = [];
  let broken = false;
  for (const { rung, state, observed, remedy = '' } of hops(facts)) {
    if (broken) rungs.push({ rung, state: 'unknown', observed: '', remedy: '' });
    else rungs.push({ rung, state, observed: shown(observed), remedy });
    broken ||= state === 'bad';
  }
  return rungs;
}

function hops(facts: LadderFacts): readonly Hop[] {
  return [connection(facts), pings(facts), authentication(facts), ...tenants(facts), requests(facts)];
}

function connection({ isOver, isRefused, reason, peer }: LadderFacts): Hop {
  const rung = 'connection';
  // A refusal ends the session; the connection was not what failed.
  if (!isOver || isRefused) return { rung, state: 'good', observed: `from ${peer}` };
  return { rung, state: 'bad', observed: reason, remedy: adviceFor(reason) };
}

function pings({ state, reason }: LadderFacts): Hop {
  if (state === 'stale')
    return { rung: 'keepalive', state: 'bad', observed: reason, remedy: adviceFor(reason) };
  return { rung: 'keepalive', state: 'good', observed: 'pings are answered' };
}

function authentication({ state, reason, isRefused, agent }: LadderFacts): Hop {
  const rung = 'authentication';
  if (isRefused) return { rung, state: 'bad', observed: reason, remedy: adviceFor(reason) };
  if (state === 'backingOff') return { rung, state: 'bad', observed: reason, remedy: adviceFor(reason) };
  if (agent === undefined) return { rung, state: 'waiting', observed: 'GitLab is asked' };
  const doubt = state.includes('identity.doubted') ? '; GitLab cannot be asked again just now' : '';
  return { rung, state: 'good', observed: `${agent}${doubt}` };
}

function tenants({ pod, watches, tunnels, idleTunnels, reason }: LadderFacts): readonly Hop[] {
  const open = `${tunnels} open; ${idleTunnels} of the agent's are idle`;
  return [
    pod === ''
      ? { rung: 'registration', state: 'waiting', observed: 'its pod has not said who it is' }
      : { rung: 'registration', state: 'good', observed: pod },
    watches === 0
      ? { rung: 'configuration', state: 'waiting', observed: 'nobody asks for it' }
      : { rung: 'configuration', state: 'good', observed: 'is watched' },
    tunnels === 0
      ? { rung: 'tunnels', state: 'bad', observed: 'none is open', remedy: adviceFor(reason) }
      : { rung: 'tunnels', state: 'good', observed: open },
  ];
}

function requests({ failedRequest }: LadderFacts): Hop {
  if (failedRequest === undefined)
    return { rung: 'requests', state: 'good', observed: 'none failed of late' };
  return { rung: 'requests', state: 'waiting', observed: `the last that failed: ${failedRequest.reason}` };
}
