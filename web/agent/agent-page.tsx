/** One agent: where its charts are, how they came there, why it is not well and what to do. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { AgentDetail, StepFrame } from '../../src/kas/dashboard/wire.ts';
import { useDrawing } from '../charts/drawing.ts';
import { LiveChart } from '../charts/live-chart.tsx';
import { activeStates, leafText, takenEdges } from '../../src/inspect/charts/state-name.ts';
import { Choice } from '../fleet/fleet-page.tsx';
import { useKeys } from '../keys.ts';
import { follow, link, type StreamEvent } from '../live/api.ts';
import { labelOf } from '../look.ts';
import { go } from '../route.ts';
import { ago, clockText, now, setKasTime } from '../time.ts';
import { CanHappen, Facts, Ladder, Lives, Why } from './agent-cards.tsx';
import { Projects } from './projects-card.tsx';
import { lanesOf, momentsOf, withStep, type ChartKind } from './frames.ts';
import { Timeline } from './timeline.tsx';

/** Of states that have no tone of their own: the end, and the one whose regions have theirs. */
const laneTones: Readonly<Record<string, string>> = {
  'agentSession.gone': 'down',
  'agentSession.registered': 'healthy',
};
const chartFiles = { session: 'agent-session', connection: 'agent-connection' } as const;

export function AgentPage({ agentKey }: { readonly agentKey: string }) {
  const { detail, isMissing } = useDetail(agentKey);
  const [chosen, choose] = useState<number | undefined>(undefined);
  const [chart, setChart] = useState<ChartKind>('session');
  const drawing = useDrawing(chartFiles[chart]);
  const session = useDrawing('agent-session');
  const connection = useDrawing('agent-connection');
  const moments = useMemo(() => (detail === undefined ? [] : momentsOf(detail)), [detail]);
  const last = moments.length - 1;
  useKeys({
    Escape: () => go('agents'),
    '[': () => choose((at) => Math.max(0, (at ?? last) - 1)),
    ']': () => choose((at) => (at === undefined || at >= last ? undefined : at + 1)),
    ' ': () => choose((at) => (at === undefined ? last : undefined)),
    c: () => setChart((one) => (one === 'session' ? 'connection' : 'session')),
  });
  if (isMissing) {
    return (
      <main class="page">
        <p class="empty">
          This kas has not seen such an agent within the last hour. <a href="#/agents">All agents</a>
        </p>
      </main>
    );
  }
  if (detail === undefined) return <main class="page" />;
  const { agent } = detail;
  const moment = moments[chosen ?? last];
  const tones = new Map(
    [...(session?.graph.states ?? []), ...(connection?.graph.states ?? [])].map(({ id, tone }) => [id, tone]),
  );
  const state = moment?.[chart] ?? '';
  const machine = drawing?.graph.id ?? '';
  const active = activeStates(machine, state);
  const step = moments.slice(0, (chosen ?? last) + 1).findLast((one) => one.chart === chart)?.step;
  const time = now.value;
  return (
    <main class="page agent">
      <header class="agent-head">
        <button type="button" class="ghost" aria-label="All agents" onClick={() => go('agents')}>
          ←
        </button>
        <h1>{agent.name}</h1>
        {chosen === undefined ? (
          <>
            <span class={`pill ${agent.condition}`} data-condition={agent.condition}>
              {labelOf(agent.condition)}
            </span>
            <span>
              <span class="muted">for</span> {ago(time - agent.since)}
            </span>
          </>
        ) : (
          <>
            <span class="pill">as of {clockText(moment?.at ?? 0)}</span>
            <span class="muted">{moment?.session.split('.')[0]}</span>
          </>
        )}
        <span class="grow" />
        <span class="muted">
          {[agent.project, agent.agentId === null ? '' : `agent ${agent.agentId}`, agent.version, agent.peer]
            .filter((one) => one !== '')
            .join(' · ')}
        </span>
      </header>
      <Timeline
        moments={moments}
        lanes={lanesOf(moments, time)}
        chosen={chosen}
        choose={choose}
        now={time}
        toneOf={(id) => tones.get(id) ?? laneTones[id] ?? 'plain'}
      />
      <section class="panel wide chart-panel">
        <div class="panel-title">
          <h2>Statechart</h2>
          <Choice names={['session', 'connection'] as const} chosen={chart} choose={setChart} label="Chart" />
          <span class="muted ellipsis" data-state-text>
            {leafText(state)}
          </span>
        </div>
        {drawing !== undefined && (
          <LiveChart
            drawing={drawing}
            active={active}
            taken={step === undefined ? [] : takenEdges(drawing.graph, step)}
          />
        )}
      </section>
      <aside class="side">
        <Why detail={detail} isLive={chosen === undefined} />
        {/* What is only known of now is not shown beside an earlier moment. */}
        {chosen === undefined && <Ladder detail={detail} />}
        <Facts detail={detail} isLive={chosen === undefined} />
        <Projects detail={detail} />
        {drawing !== undefined && <CanHappen graph={drawing.graph} active={active} />}
        <Lives detail={detail} />
      </aside>
    </main>
  );
}

function useDetail(agentKey: string): {
  readonly detail: AgentDetail | undefined;
  readonly isMissing: boolean;
} {
  const [detail, setDetail] = useState<AgentDetail | undefined>(undefined);
  const [isMissing, setMissing] = useState(false);
  useEffect(() => {
    const hear = ({ event, data }: StreamEvent) => {
      link.value = 'live';
      setMissing(false);
      setKasTime((data as { now: number }).now);
      if (event === 'full') setDetail(data as AgentDetail);
      else if (event === 'step')
        setDetail((old) => (old === undefined ? old : after(old, data as StepFrame)));
    };
    setDetail(undefined);
    setMissing(false);
    return follow(`/api/agents/${agentKey}/stream`, hear, (status) => setMissing(status === 404));
  }, [agentKey]);
  return { detail, isMissing };
}

function after(old: AgentDetail, { steps, ...facts }: StepFrame): AgentDetail {
  const stepped = steps.reduce(
    (detail, { chart, sessionId, step }) => withStep(detail, chart, sessionId, step),
    old,
  );
  return { ...stepped, ...facts };
}
