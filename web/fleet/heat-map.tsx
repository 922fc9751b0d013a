/** The heat map as a part of the page: pointer, keys, and what is told of the agent under them. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { agentConditions } from '../../src/kas/dashboard/wire.ts';
import type { Agent } from '../live/fleet.ts';
import { labelOf, theme } from '../look.ts';
import { go } from '../route.ts';
import { ago, now } from '../time.ts';
import type { Group } from './groups.ts';
import { HeatCanvas, type Cell } from './heat-canvas.ts';

export function HeatMap({
  groups,
  isShown,
}: {
  readonly groups: readonly Group[];
  readonly isShown: (agent: Agent) => boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  const element = useRef<HTMLCanvasElement>(null);
  const heat = useRef<HeatCanvas | undefined>(undefined);
  const [tip, setTip] = useState<Cell | undefined>(undefined);
  const [width, setWidth] = useState(0);
  const paint = theme.value;
  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    if (box.current !== null) watcher.observe(box.current);
    return () => {
      watcher.disconnect();
      heat.current?.stop();
    };
  }, []);
  useEffect(() => {
    if (element.current === null || box.current === null || width === 0) return;
    heat.current ??= new HeatCanvas(element.current);
    heat.current.draw(groups, width, Math.max(box.current.clientHeight, 320), isShown);
  }, [groups, isShown, width, paint]);

  const under = (event: MouseEvent) => heat.current?.at(event.offsetX, event.offsetY);
  const focus = (cell: Cell | undefined) => {
    if (heat.current === undefined || cell === undefined) return;
    heat.current.focus(cell.agent.index);
    setTip(cell);
  };
  const move = (event: KeyboardEvent) => {
    const { current } = heat;
    if (current === undefined) return;
    const at = current.cells.findIndex(({ agent }) => agent.index === current.focused);
    const found = current.cells[at];
    if (event.key === 'Enter' && found !== undefined) return go('agents', found.agent.key);
    const steps: Readonly<Record<string, number>> = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: current.columns,
      ArrowUp: -current.columns,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    focus(current.cells[at < 0 ? 0 : Math.max(0, Math.min(current.cells.length - 1, at + step))]);
  };
  const count = groups.reduce((sum, { agents }) => sum + agents.length, 0);
  return (
    <div class="heat" ref={box}>
      <canvas
        ref={element}
        tabIndex={0}
        role="application"
        aria-label={`${count} agents; arrow keys move, Enter opens`}
        onMouseMove={(event) => setTip(under(event))}
        onMouseLeave={() => setTip(undefined)}
        onClick={(event) => {
          const cell = under(event);
          if (cell !== undefined) go('agents', cell.agent.key);
        }}
        onKeyDown={move}
        onBlur={() => setTip(undefined)}
      />
      {tip !== undefined && <Tip cell={tip} width={width} />}
    </div>
  );
}

function Tip({ cell: { agent, x, y }, width }: { readonly cell: Cell; readonly width: number }) {
  const condition = agentConditions[agent.code];
  return (
    <div
      class="tip"
      role="status"
      style={{ left: `${Math.max(0, Math.min(x + 20, width - 270))}px`, top: `${y + 30}px` }}
    >
      <div class="tip-head">
        <b>{agent.name}</b>
        <span class={`pill ${condition}`}>{labelOf(condition)}</span>
      </div>
      <div class="muted">
        {agent.reason === '' ? '' : `${agent.reason} · `}
        for {ago(now.value - agent.since)}
      </div>
      <div class="muted">
        {[agent.project, agent.version, agent.pod || agent.peer].filter((one) => one !== '').join(' · ')}
      </div>
    </div>
  );
}
