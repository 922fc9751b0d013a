/**
 * A chart with its current states lit and the edge just taken. It is drawn once; afterwards only classes change. Drag moves it, the
 * wheel with Ctrl or two fingers zoom, a double click fits it again.
 */
import { useEffect, useRef } from 'preact/hooks';
import { chartSvg } from '../../src/inspect/charts/chart-svg.ts';
import { theme } from '../look.ts';
import type { Drawing } from './drawing.ts';

export function LiveChart({
  drawing,
  view = 'lifted',
  active,
  taken = [],
}: {
  readonly drawing: Drawing;
  readonly view?: 'lifted' | 'full';
  readonly active: readonly string[];
  readonly taken?: readonly string[];
}) {
  const box = useRef<HTMLDivElement>(null);
  const placed = drawing[view];
  const paint = theme.value;
  useEffect(() => {
    if (box.current === null) return;
    // Made from our own charts at build time; every text in it is escaped (`chart-svg.ts` D1).
    box.current.innerHTML = chartSvg(drawing.graph, placed);
    const svg = box.current.querySelector('svg');
    return svg === null ? undefined : movable(svg, placed.width, placed.height);
  }, [drawing, placed]);
  useEffect(() => {
    const svg = box.current?.querySelector('svg');
    if (svg === null || svg === undefined) return;
    svg.classList.toggle('dark', paint === 'dark');
    svg.classList.toggle('light', paint === 'light');
    const on = new Set(active);
    const passed = new Set(taken);
    for (const state of svg.querySelectorAll<SVGElement>('[data-state]')) {
      state.classList.toggle('active', on.has(state.dataset['state'] ?? ''));
    }
    const edges = new Map(placed.edges.map((edge) => [edge.id, edge]));
    for (const part of svg.querySelectorAll<SVGElement>('[data-edge]')) {
      const edge = edges.get(part.dataset['edge'] ?? '');
      part.classList.toggle('next', edge !== undefined && on.has(edge.source));
      part.classList.toggle('taken', edge?.of.some((id) => passed.has(id)) === true);
    }
  });
  return <div class="chart-box" ref={box} style={{ aspectRatio: `${placed.width} / ${placed.height}` }} />;
}

function movable(svg: SVGSVGElement, width: number, height: number): () => void {
  svg.removeAttribute('width');
  svg.removeAttribute('height');
  let [x, y, w, h] = [0, 0, width, height];
  const show = () => svg.setAttribute('viewBox', `${x} ${y} ${w} ${h}`);
  show();
  const scale = () => Math.max(w / svg.clientWidth, h / svg.clientHeight);
  const stop = new AbortController();
  const { signal } = stop;
  svg.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const factor = Math.min(Math.max(Math.exp(event.deltaY * 0.002), 0.5), 2);
      const wider = Math.min(width * 1.5, Math.max(width / 8, w * factor));
      const [at, up] = [event.offsetX / svg.clientWidth, event.offsetY / svg.clientHeight];
      x += (w - wider) * at;
      y += (h - (wider * h) / w) * up;
      [w, h] = [wider, (wider * h) / w];
      show();
    },
    { passive: false, signal },
  );
  svg.addEventListener(
    'pointermove',
    (event) => {
      if ((event.buttons & 1) === 0) return;
      const size = scale();
      x -= event.movementX * size;
      y -= event.movementY * size;
      show();
    },
    { signal },
  );
  svg.addEventListener(
    'dblclick',
    () => {
      [x, y, w, h] = [0, 0, width, height];
      show();
    },
    { signal },
  );
  return () => stop.abort();
}
