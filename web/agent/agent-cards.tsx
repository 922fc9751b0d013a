/** The cards beside an agent's chart. */
import type { AgentDetail } from '../../src/kas/dashboard/wire.ts';
import type { ChartGraph } from '../../src/inspect/charts/chart-graph.ts';
import { ago, clockText, now } from '../time.ts';

const titles: Readonly<Record<string, string>> = {
  degraded: 'What it cannot do',
  refused: 'Why it is refused',
  disconnected: 'Why it is not connected',
  draining: 'What is going on',
  left: 'Why it left',
};

export function Why({
  detail: { agent, advice },
  isLive,
}: {
  readonly detail: AgentDetail;
  readonly isLive: boolean;
}) {
  if (agent.reason === '' || !isLive) return null;
  return (
    <section class={`panel why ${agent.condition}`}>
      <h2>{titles[agent.condition] ?? 'Why'}</h2>
      <p class="reason">{agent.reason}</p>
      {advice !== '' && <p class="muted">{advice}</p>}
    </section>
  );
}

const rungWords = { good: 'holds', bad: 'broken', waiting: 'not yet', unknown: 'not looked at' } as const;

/** The hops from the connection up; the first that is broken has what to do. */
export function Ladder({ detail: { ladder, advice } }: { readonly detail: AgentDetail }) {
  return (
    <section class="panel">
      <h2>Hops</h2>
      <ol class="ladder">
        {ladder.map(({ rung, state, observed, remedy }) => (
          <li key={rung} data-rung={rung} class={state}>
            <i class={`rung ${state}`} role="img" aria-label={rungWords[state]} />
            <div>
              <b>{rung}</b> <span class="muted">{observed || rungWords[state]}</span>
              {/* What is said above already is not said again. */}
              {state === 'bad' && remedy !== '' && remedy !== advice && <p>{remedy}</p>}
            </div>
          </li>
        ))}
      </ol>
      <p class="muted">
        What lies before kas only the agent sees: <code>kastor doctor agent</code>
      </p>
    </section>
  );
}

export function Facts({
  detail: { agent, sessions, idleTunnels },
  isLive,
}: {
  readonly detail: AgentDetail;
  readonly isLive: boolean;
}) {
  const time = now.value;
  const living = sessions.filter(({ endedAt }) => endedAt === null);
  const tunnels = living.reduce((sum, one) => sum + one.tunnels, 0);
  const lastSeen = Math.max(...sessions.map(({ endedAt }) => endedAt ?? time));
  const facts: readonly (readonly [string, string])[] = [
    ['Last contact', living.length > 0 ? 'now' : `${ago(time - lastSeen)} ago`],
    ['Connected since', agent.connectedAt === null ? 'not connected' : clockText(agent.connectedAt)],
    ['Seen here since', clockText(agent.firstSeen)],
    ['Disconnects', `${agent.disconnects} since then`],
    ['Tunnels', `${tunnels} open, ${idleTunnels} idle`],
    ['Pods connected', String(agent.sessions)],
    ['Pod', agent.pod || 'not told'],
    ['Kubernetes', agent.kubernetes || 'not told'],
    ['agentk', agent.version || 'not told'],
  ];
  return (
    <section class="panel">
      <h2>{isLive ? 'Facts' : 'Facts, as of now'}</h2>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

const signs: Readonly<Record<string, string>> = { after: '◷', done: '✓', failed: '✕', event: '', always: '' };
const shownMax = 10;

export function CanHappen({
  graph,
  active,
}: {
  readonly graph: ChartGraph;
  readonly active: readonly string[];
}) {
  const on = new Set(active);
  const hasEnded = graph.states.some(({ id, kind }) => kind === 'final' && on.has(id));
  const next = graph.edges
    .filter(({ source }) => on.has(source) && !hasEnded)
    .flatMap(({ target, transitions }) => transitions.map((transition) => ({ target, ...transition })));
  return (
    <section class="panel">
      <h2>What can happen next</h2>
      {next.length === 0 && <p class="muted">Nothing: this life has ended.</p>}
      <ul class="next">
        {next.slice(0, shownMax).map(({ kind, text, guard, target }, k) => (
          <li key={k}>
            <span class={`cause-${kind}`}>
              {signs[kind]} {text || 'always'}
            </span>
            {guard !== undefined && <span class="muted"> if {guard}</span>}
            <span class="muted target" title={target}>
              {target.split('.').at(-1)}
            </span>
          </li>
        ))}
      </ul>
      {next.length > shownMax && <p class="muted">and {next.length - shownMax} more</p>}
    </section>
  );
}

export function Lives({ detail: { sessions } }: { readonly detail: AgentDetail }) {
  return (
    <section class="panel">
      <h2>Connections</h2>
      <ul class="lives">
        {sessions.map(({ sessionId, peer, startedAt, endedAt }) => (
          <li key={sessionId}>
            <span>{clockText(startedAt)}</span>
            <span class="muted">
              {endedAt === null ? 'still open' : `lasted ${ago(endedAt - startedAt)}`}
            </span>
            <span class="muted ellipsis">{peer}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
