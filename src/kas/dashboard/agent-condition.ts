/** What the state of a session means to an operator: one of seven conditions, why, and what to do about it. Pure. */
import type { AgentCondition } from './wire.ts';
import { dashboardLimits } from './limits.ts';

/** What is known of one session besides its state. */
export interface SessionFacts {
  /** The state's name, as transitions are observed. */
  readonly state: string;
  /** The state before, for a session that has ended. */
  readonly before: string;
  /** Why GitLab refused the token, if it did. */
  readonly refusal: string | undefined;
  /** Why the session ended; empty while it runs. */
  readonly ending: string;
}

export interface Condition {
  readonly condition: AgentCondition;
  readonly reason: string;
}

export const reasons = {
  noTunnel: 'no tunnel is open',
  gitlabSilent: 'GitLab cannot be asked',
  stale: 'keepalive ping was not answered',
  draining: 'its connection is going away',
  sentAway: 'its connection was sent away, and it has not come again',
  lost: 'closed by the peer or the network',
} as const;

export function conditionOf({ state, before, refusal, ending }: SessionFacts): Condition {
  if (state === 'gone') {
    if (refusal !== undefined) return { condition: 'refused', reason: refusal };
    const reason = ending === '' ? reasons.lost : ending;
    if (before === 'draining') return { condition: 'left', reason: reasons.sentAway };
    return { condition: 'disconnected', reason };
  }
  if (state === 'stale') return { condition: 'disconnected', reason: reasons.stale };
  if (state === 'draining') return { condition: 'draining', reason: reasons.draining };
  if (state === 'backingOff') return { condition: 'degraded', reason: reasons.gitlabSilent };
  if (!state.startsWith('registered')) return { condition: 'connecting', reason: '' };
  if (state.includes('identity.doubted')) return { condition: 'degraded', reason: reasons.gitlabSilent };
  if (state.includes('tunnels.none')) return { condition: 'degraded', reason: reasons.noTunnel };
  return { condition: 'online', reason: '' };
}

const advices: readonly (readonly [RegExp, string])[] = [
  [
    /unauthenticated/,
    'GitLab does not know the token: it was revoked or is wrong. The agent cannot mend this itself; create a token in GitLab and update its secret.',
  ],
  [/forbidden/, 'GitLab knows the token and refuses it: look whether the agent or its project is blocked.'],
  [/agent not found/, 'GitLab has no such agent any more: uninstall agentk, or register the agent again.'],
  [
    /no tunnel/,
    'Connected, but nothing can be sent to its cluster. This passes within seconds after a start; if it stays, look at the log of agentk.',
  ],
  [
    /GitLab cannot be asked/,
    'Nothing is wrong with the agent: GitLab does not answer this kas. Agents that were accepted before stay in service.',
  ],
  [
    /keepalive/,
    'No answer to pings: the path is half open, often a firewall or NAT that forgot an idle connection, or a node that is gone. When many agents show it, look at what they share.',
  ],
  [
    /going away|sent away|maximum age|is stopping/,
    'Expected: connections have a maximum age, and a kas that stops sends its agents away. The agent connects again by itself.',
  ],
  [
    /closed by the peer/,
    'The connection was closed from the other side: agentk stopped, its pod or node went away, or something between closed TCP. When many agents show it at once, look at the load balancer or proxy, not at the agents.',
  ],
  [
    /nobody authenticated|HTTP\/2 settings/,
    'Something connected and never spoke like an agent: a health check of a load balancer, or a proxy that does not carry HTTP/2.',
  ],
];

export function adviceFor(reason: string): string {
  return advices.find(([form]) => form.test(reason))?.[1] ?? '';
}

/** A text from outside: bounded, one line, nothing that steers a terminal or turns the direction of reading. */
export function shown(text: string | undefined): string {
  return (text ?? '')
    .slice(0, dashboardLimits.textCharsMax)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD');
}
