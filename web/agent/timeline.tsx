/** What was when: a lane per region, a tick per event. Clicking or dragging goes to that moment. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { changeText, eventText } from '../../src/inspect/charts/state-name.ts';
import { ago, clockText } from '../time.ts';
import { Choice } from '../fleet/fleet-page.tsx';
import type { Lane, Moment } from './frames.ts';

const spans = ['2 min', '15 min', '1 h'] as const;
const spanMs = { '2 min': 120_000, '15 min': 900_000, '1 h': 3_600_000 } as const;
const [width, left, right, laneHeight] = [1_080, 92, 34, 24];

export function Timeline({
  moments,
  lanes,
  chosen,
  choose,
  now,
  toneOf,
}: {
  readonly moments: readonly Moment[];
  readonly lanes: readonly Lane[];
  /** Undefined: live. */
  readonly chosen: number | undefined;
  readonly choose: (index: number | undefined) => void;
  readonly now: number;
  readonly toneOf: (stateId: string) => string;
}) {
  const [span, setSpan] = useState<(typeof spans)[number]>('2 min');
  const svg = useRef<SVGSVGElement>(null);
  // Where it is too narrow for all of it, the newest is shown.
  useEffect(() => {
    const panel = svg.current?.parentElement;
    panel?.scrollTo({ left: panel.scrollWidth });
  }, []);
  const begin = now - spanMs[span];
  const x = (at: number) => left + ((at - begin) / spanMs[span]) * (width - left - right);
  const height = lanes.length * laneHeight + 32;
  const selected = chosen === undefined ? undefined : moments[chosen];
  const pick = (event: PointerEvent) => {
    const box = svg.current?.getBoundingClientRect();
    if (box === undefined) return;
    const at =
      begin +
      ((((event.clientX - box.left) / box.width) * width - left) / (width - left - right)) * spanMs[span];
    const index = moments.findLastIndex((moment) => moment.at <= at);
    choose(at > now - spanMs[span] / 200 ? undefined : Math.max(0, index));
  };
  return (
    <section class="panel timeline">
      <div class="panel-title">
        <h2>Timeline</h2>
        <Choice names={spans} chosen={span} choose={setSpan} label="Span" />
        <span class="muted">{moments.length} transitions kept</span>
        <span class="grow" />
        <span class="muted keys">
          <kbd>[</kbd>
          <kbd>]</kbd> step <kbd>space</kbd> pause
        </span>
        <button
          type="button"
          class={`live-button ${chosen === undefined ? 'on' : ''}`}
          onClick={() => choose(undefined)}
        >
          {chosen === undefined ? '● Live' : 'Back to live'}
        </button>
      </div>
      <svg
        ref={svg}
        viewBox={`0 0 ${width} ${height}`}
        class="lanes"
        role="img"
        aria-label="States over time"
        onPointerDown={pick}
        onPointerMove={(event) => (event.buttons & 1) === 1 && pick(event)}
      >
        {Array.from({ length: 7 }, (_, k) => begin + (k * spanMs[span]) / 6).map((at, k) => (
          <g key={k}>
            <line class="grid" x1={x(at)} x2={x(at)} y1="4" y2={height - 24} />
            <text class="tick" x={x(at)} y={height - 8} text-anchor="middle">
              {clockText(at)}
            </text>
          </g>
        ))}
        {lanes.map((lane, k) => (
          <g key={lane.label} transform={`translate(0 ${k * laneHeight + 4})`}>
            <text class="lane-name" x={left - 10} y="15" text-anchor="end">
              {lane.label}
            </text>
            {lane.segments
              .filter(({ to }) => to > begin)
              .map(({ name, from, to, id }) => {
                const [a, b] = [Math.max(left, x(from)), x(to)];
                const wide = Math.max(1.4, b - a - 1);
                return (
                  <g key={`${id}-${from}`} class={`segment ${toneOf(id)}`}>
                    <title>{`${lane.label}: ${name}\n${clockText(from)} to ${clockText(to)}, ${ago(to - from)}`}</title>
                    <rect x={a} y="2" width={wide} height={laneHeight - 6} rx="3.5" />
                    {wide > name.length * 6.6 + 12 && (
                      <text x={a + 7} y="15">
                        {name}
                      </text>
                    )}
                  </g>
                );
              })}
          </g>
        ))}
        {moments
          .filter(({ at }) => at > begin)
          .map(({ at }, k) => (
            <line key={k} class="event" x1={x(at)} x2={x(at)} y1={height - 26} y2={height - 21} />
          ))}
        <line
          class={selected === undefined ? 'cursor live' : 'cursor'}
          x1={x(Math.max(selected?.at ?? now, begin))}
          x2={x(Math.max(selected?.at ?? now, begin))}
          y1="2"
          y2={height - 22}
        />
      </svg>
      <p class="what">
        {selected === undefined ? (
          <span class="muted">Click or drag to look at an earlier moment.</span>
        ) : (
          <>
            <b>{clockText(selected.at)}</b> <code>{eventText(selected.step.event)}</code>{' '}
            <span class="muted">
              {selected.chart}: {changeText(selected.step.from, selected.step.to)}
            </span>
          </>
        )}
      </p>
    </section>
  );
}
