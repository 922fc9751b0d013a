/** The tree of supervisors: who runs, what was restarted, how near each is to giving up or to being full. */
import type { SupervisorNode } from '../../src/kas/dashboard/wire.ts';
import { leafText } from '../../src/inspect/charts/state-name.ts';
import { useView } from '../live/view.ts';
import { clockText, milliseconds, number } from '../time.ts';

export function SupervisorsPage() {
  const view = useView('supervisors');
  if (view === undefined) return <main class="page" />;
  return (
    <main class="page two">
      <section class="panel">
        <div class="panel-title">
          <h2>Supervision tree</h2>
          <span class="muted">it starts from the top and stops from the bottom</span>
        </div>
        <ul class="tree">
          <Node node={view.root} />
        </ul>
      </section>
      <aside class="panel">
        <h2>What went wrong</h2>
        {view.reports.length === 0 && <p class="muted">Nothing since this kas started.</p>}
        <ul class="reports">
          {view.reports.map(({ at, kind, supervisor, child, reason }, k) => (
            <li key={k}>
              <div>
                <span class="muted">{clockText(at)}</span> <span class="pill">{kind}</span>{' '}
                <b>{child || supervisor}</b>
              </div>
              <div class="muted">{reason}</div>
            </li>
          ))}
        </ul>
      </aside>
    </main>
  );
}

const goodStates = /^(running|listening|ready|live|watching|resting|telling|accepting|collecting|calm)/;

function Node({ node }: { readonly node: SupervisorNode }) {
  const { id, kind, status, state, restarts, strategy, population, populationMax, children, hidden } = node;
  const tone =
    status !== 'running' ? 'down' : kind === 'supervisor' && !goodStates.test(state) ? 'degraded' : 'healthy';
  return (
    <li>
      <div class="node" data-actor={id}>
        <i class={`lamp ${tone}`} />
        <b>{id}</b>
        <span class="muted">{status === 'running' ? leafText(state) : status}</span>
        {restarts > 0 && <span class="pill degraded">restarted {restarts}×</span>}
        <span class="grow" />
        {population !== undefined && populationMax !== undefined && (
          <span class="muted" title="members now, and at most">
            {number(population)} of {number(populationMax)}
          </span>
        )}
        {strategy !== undefined && <Budget node={node} />}
      </div>
      {children.length > 0 &&
        (population === undefined ? (
          <Children nodes={children} hidden={hidden} />
        ) : (
          // Members of populations come and go by the thousand: shown when asked for.
          <details>
            <summary class="muted">members</summary>
            <Children nodes={children} hidden={hidden} />
          </details>
        ))}
    </li>
  );
}

function Children({ nodes, hidden }: { readonly nodes: readonly SupervisorNode[]; readonly hidden: number }) {
  return (
    <ul>
      {nodes.map((child) => (
        <Node key={child.id} node={child} />
      ))}
      {hidden > 0 && <li class="muted more">and {number(hidden)} more</li>}
    </ul>
  );
}

function Budget({
  node: { strategy, restartsInWindow = 0, intensity = 0, periodMs = 0 },
}: {
  readonly node: SupervisorNode;
}) {
  if (intensity === 0) return <span class="muted budget">{strategy}</span>;
  return (
    <span class="budget" title={`gives up at more than ${intensity} restarts in ${milliseconds(periodMs)}`}>
      <span class="muted">{strategy?.replaceAll('_', ' ')}</span>
      <meter min={0} max={intensity} high={intensity * 0.6} value={restartsInWindow} />
      <span class="muted">
        {restartsInWindow}/{intensity} in {milliseconds(periodMs)}
      </span>
    </span>
  );
}
