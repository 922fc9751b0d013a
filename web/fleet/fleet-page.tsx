/** All agents at a glance: how many are well, which are not, why, and what those have in common. */
import { useMemo, useState } from 'preact/hooks';
import { agentConditions } from '../../src/kas/dashboard/wire.ts';
import { ConditionGlyph } from '../glyph.tsx';
import { focusSearch, useKeys } from '../keys.ts';
import { agents, changes, loaded, moves, pastMs, rowOf, sequence, type Agent } from '../live/fleet.ts';
import { isDown, labelOf, paintOf } from '../look.ts';
import { go } from '../route.ts';
import { ago, clockText, now, number } from '../time.ts';
import { causesOf, dimensions, groupsOf, inCommon, matches, type Dimension, type Filter } from './groups.ts';
import { HeatMap } from './heat-map.tsx';
import { trendOf, type TrendPoint } from './trend.ts';

const nothing: Filter = { code: undefined, reason: undefined, text: '' };

export function FleetPage() {
  const [filter, setFilter] = useState(nothing);
  const [by, setBy] = useState<Dimension>('project');
  const [isTable, setTable] = useState(false);
  const all = agents.value;
  const groups = useMemo(() => groupsOf(all, by), [all, by]);
  const isShown = useMemo(() => (agent: Agent) => matches(agent, filter), [filter]);
  const pick = (code: number) => setFilter((old) => ({ ...old, code: old.code === code ? undefined : code }));
  useKeys({
    '/': focusSearch,
    Escape: () => setFilter(nothing),
    ...Object.fromEntries(agentConditions.map((_, code) => [String(code + 1), () => pick(code)])),
  });
  return (
    <main class="page fleet" data-sequence={sequence.value}>
      <Strip filter={filter} pick={pick} />
      <section class="panel wide">
        <div class="panel-title">
          <h2>Agents</h2>
          <Choice names={dimensions} chosen={by} choose={setBy} label="Group by" />
          <Choice
            names={['map', 'table']}
            chosen={isTable ? 'table' : 'map'}
            choose={(name) => setTable(name === 'table')}
            label="Show as"
          />
          <span class="grow" />
          <input
            type="search"
            placeholder="Name, project, pod, version   /"
            aria-label="Filter agents"
            value={filter.text}
            onInput={({ currentTarget }) =>
              setFilter((old) => ({ ...old, text: currentTarget.value.trim().toLowerCase() }))
            }
          />
        </div>
        {all.length === 0 ? (
          <Empty />
        ) : isTable ? (
          <Table all={all.filter(isShown)} />
        ) : (
          <HeatMap groups={groups} isShown={isShown} />
        )}
      </section>
      <aside class="side">
        <Why filter={filter} setFilter={setFilter} setBy={setBy} />
        <Trend />
        <Latest />
      </aside>
    </main>
  );
}

function countsOf(all: readonly Agent[]): readonly number[] {
  const counts = agentConditions.map(() => 0);
  for (const { code } of all) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

function Empty() {
  return (
    <p class="empty">
      {loaded.value
        ? 'No agent has connected to this kas yet, nor within the last hour. One appears here the moment it does.'
        : 'Reading …'}
    </p>
  );
}

function Strip({ filter, pick }: { readonly filter: Filter; readonly pick: (code: number) => void }) {
  const all = agents.value;
  const counts = useMemo(() => countsOf(all), [all]);
  const serving = (counts[0] ?? 0) + (counts[1] ?? 0);
  return (
    <section class="strip">
      <div
        class="bar"
        role="img"
        aria-label={counts.map((n, code) => `${labelOf(agentConditions[code])} ${n}`).join(', ')}
      >
        {counts.map(
          (n, code) => n > 0 && <i key={code} style={{ flexGrow: n, background: paintOf(code).fill }} />,
        )}
      </div>
      <div class="chips">
        {counts.map((n, code) => (
          <button
            key={code}
            type="button"
            class={`chip ${filter.code === code ? 'on' : ''} ${n === 0 ? 'zero' : ''}`}
            aria-pressed={filter.code === code}
            data-condition={agentConditions[code]}
            onClick={() => pick(code)}
          >
            <ConditionGlyph code={code} />
            <span>{labelOf(agentConditions[code])}</span>
            <b>{number(n)}</b>
          </button>
        ))}
        <span class="grow" />
        {all.length > 0 && <span class="muted">{((100 * serving) / all.length).toFixed(1)} % connected</span>}
      </div>
    </section>
  );
}

function Why({
  filter,
  setFilter,
  setBy,
}: {
  readonly filter: Filter;
  readonly setFilter: (filter: Filter) => void;
  readonly setBy: (by: Dimension) => void;
}) {
  const all = agents.value;
  const causes = useMemo(() => causesOf(all), [all]);
  const most = causes[0]?.[1] ?? 1;
  const common = useMemo(() => inCommon(all), [all]);
  const down = all.filter(({ code }) => isDown(code)).length;
  return (
    <section class="panel">
      <div class="panel-title">
        <h2>Why agents are down</h2>
        <span class="muted">{number(down)}</span>
      </div>
      <ul class="causes">
        {causes.slice(0, 8).map(([reason, count]) => (
          <li key={reason}>
            <button
              type="button"
              class={filter.reason === reason ? 'on' : ''}
              aria-pressed={filter.reason === reason}
              onClick={() => setFilter({ ...filter, reason: filter.reason === reason ? undefined : reason })}
            >
              <span class="cause-bar" style={{ width: `${(100 * count) / most}%` }} />
              <span>{reason}</span>
              <b>{number(count)}</b>
            </button>
          </li>
        ))}
      </ul>
      {causes.length === 0 && <p class="muted">Every agent that is listed is connected, or left by plan.</p>}
      {common !== undefined && (
        <button type="button" class="common" onClick={() => setBy(common.dimension)}>
          <b>{common.value}</b> has {number(common.down)} of the {number(common.allDown)} that are down (
          {Math.round((100 * common.down) / common.of)} % of its agents)
        </button>
      )}
    </section>
  );
}

const trendPoints = 90;
const trendBeatMs = 2_000;
const youngMs = 300_000;
const [trendWidth, trendHeight] = [300, 56] as const;

function Trend() {
  const all = agents.value;
  const time = Math.floor(now.value / trendBeatMs) * trendBeatMs;
  const isYoung = time - (moves[0]?.at ?? time) < youngMs;
  const spanMs = isYoung ? youngMs : pastMs;
  const points = useMemo(
    () => trendOf(moves, countsOf(all), now.peek(), spanMs, trendPoints),
    [all.length === 0, time, spanMs],
  );
  const most = Math.max(...points.map(({ down, degraded }) => down + degraded));
  const [first] = points;
  if (first === undefined || most === 0 || points.length < 2) return null;
  const end = points.at(-1)?.at ?? 0;
  const x = (at: number) => trendWidth - ((end - at) / spanMs) * trendWidth;
  const y = (count: number) => trendHeight - (count / most) * (trendHeight - 4);
  const area = (heightOf: (point: TrendPoint) => number) =>
    `M${x(first.at)},${trendHeight} ${points.map((point) => `L${x(point.at)},${y(heightOf(point))}`).join(' ')} L${trendWidth},${trendHeight}Z`;
  return (
    <section class="panel">
      <div class="panel-title">
        <h2>Not well in the last {isYoung ? 'five minutes' : 'half hour'}</h2>
        <span class="muted">at most {number(most)}</span>
      </div>
      <svg
        class="trend"
        viewBox={`0 0 ${trendWidth} ${trendHeight}`}
        role="img"
        aria-label={`At most ${most} agents were not well`}
      >
        <path class="degraded" d={area(({ down, degraded }) => down + degraded)} />
        <path class="down" d={area(({ down }) => down)} />
        <line x1="0" x2={trendWidth} y1={trendHeight - 0.5} y2={trendHeight - 0.5} />
      </svg>
    </section>
  );
}

function Latest() {
  const shown = changes.value.slice(0, 14);
  return (
    <section class="panel grow">
      <div class="panel-title">
        <h2>Latest changes</h2>
      </div>
      {shown.length === 0 && <p class="muted">None in the last half hour.</p>}
      <ul class="changes">
        {shown.map(({ at, index, from, to }) => {
          const row = rowOf(index);
          return (
            <li key={`${index}-${at}-${to}`}>
              <button type="button" onClick={() => row !== undefined && go('agents', row.key)}>
                <span class="muted">{clockText(at)}</span>
                <span class="name">{row?.name ?? 'gone from the list'}</span>
                {from !== undefined && <ConditionGlyph code={from} />}
                <span class="muted">→</span>
                <ConditionGlyph code={to} />
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

const tableMax = 500;

function Table({ all }: { readonly all: readonly Agent[] }) {
  const worst = [...all].sort(
    (one, other) => Number(isDown(other.code)) - Number(isDown(one.code)) || other.code - one.code,
  );
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Agent</th>
            <th>State</th>
            <th>For</th>
            <th>Why</th>
            <th>Project</th>
            <th>Version</th>
            <th>Pod</th>
          </tr>
        </thead>
        <tbody>
          {worst.slice(0, tableMax).map((agent) => (
            <tr key={agent.index} data-agent={agent.key} onClick={() => go('agents', agent.key)}>
              <td>
                <a href={`#/agents/${agent.key}`}>{agent.name}</a>
              </td>
              <td>
                <span class={`pill ${agentConditions[agent.code]}`}>
                  {labelOf(agentConditions[agent.code])}
                </span>
              </td>
              <td class="nowrap">{ago(now.value - agent.since)}</td>
              <td>{agent.reason}</td>
              <td>{agent.project}</td>
              <td>{agent.version}</td>
              <td>{agent.pod}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {worst.length > tableMax && (
        <p class="muted">{number(worst.length - tableMax)} more; filter to see them.</p>
      )}
    </div>
  );
}

export function Choice<Name extends string>({
  names,
  chosen,
  choose,
  label,
}: {
  readonly names: readonly Name[];
  readonly chosen: Name;
  readonly choose: (name: Name) => void;
  readonly label: string;
}) {
  return (
    <span class="choice" role="group" aria-label={label}>
      {names.map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={chosen === name}
          class={chosen === name ? 'on' : ''}
          onClick={() => choose(name)}
        >
          {name}
        </button>
      ))}
    </span>
  );
}
