/**
 * The picture of a chart as SVG text, from a view that has a place for everything. It is the same text for the same input,
 * runs wherever TypeScript does, and changes afterwards by classes alone (`chart-css.ts`): a page that shows a running actor
 * finds states and edges by `data-state` and `data-edge`.
 *
 * D1. Every text is escaped; nothing of a chart can become markup.
 * D2. Every text is fitted to the width the layout counted with (`textLength`), so no font makes it leave its box.
 * D3. A picture for a file needs nothing from elsewhere: no font, no script, no link.
 */
import { chartCss } from './chart-css.ts';
import type { ChartGraph, ChartState } from './chart-graph.ts';
import { edgePath } from './edge-path.ts';
import {
  type Box,
  chartSizes as sizes,
  type LabelLine,
  type PlacedChart,
  type PlacedEdge,
  type PlacedState,
} from './placed-chart.ts';
import { xmlText } from './xml-text.ts';

export interface ChartSvgOptions {
  /** For a file: styles inside, a background, name and description above. */
  readonly standalone?: boolean;
  /** Instead of what the reader's system says. */
  readonly theme?: 'light' | 'dark';
  /** Ids of the states a running actor is in, with those around them. */
  readonly active?: ReadonlySet<string>;
}

const titleHeight = 52;
const aboutCharsMax = 160;

export function chartSvg(graph: ChartGraph, placed: PlacedChart, options: ChartSvgOptions = {}): string {
  const { standalone = false, theme, active = new Set<string>() } = options;
  const title = standalone ? titleOf(graph) : { width: 0, svg: '' };
  const top = standalone ? titleHeight : 0;
  const width = Math.max(placed.width, title.width);
  const height = placed.height + top;
  const arrow = `arrow-${placed.view}-${graph.id.replaceAll(/[^A-Za-z0-9_-]/g, '_')}`;
  const states = new Map(graph.states.map((state) => [state.id, state]));
  const possible = new Set(graph.edges.flatMap(({ id, source }) => (active.has(source) ? [id] : [])));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="${classes('chart', theme)}" role="img" aria-label="statechart ${xmlText(graph.id)}" viewBox="0 ${-top} ${width} ${height}" width="${width}" height="${height}">`,
    ...(standalone
      ? [
          `<style>${chartCss}</style>`,
          `<rect class="back" y="${-top}" width="${width}" height="${height}" rx="8"/>`,
        ]
      : []),
    title.svg,
    `<defs><marker id="${arrow}" viewBox="0 0 8 8" refX="7.2" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse" markerUnits="userSpaceOnUse"><path class="arrow" d="M.6.8 7.4 4 .6 7.2 2.2 4z"/></marker></defs>`,
    ...placed.states.map((box) => stateSvg(box, states, active)),
    ...placed.anywhere.map((box) => anywhereSvg(box)),
    ...placed.starts.map(
      ({ x, y, points }) =>
        `<circle class="start" cx="${x}" cy="${y}" r="${sizes.startRadius}"/><path class="edge" d="${edgePath(points)}" marker-end="url(#${arrow})"/>`,
    ),
    ...placed.edges.map(
      (edge) =>
        `<path class="${classes('edge', isNext(edge, possible) && 'next')}" data-edge="${xmlText(edge.id)}" d="${edgePath(edge.points)}" marker-end="url(#${arrow})"/>`,
    ),
    ...placed.edges.map((edge) => labelSvg(edge, possible)),
    '</svg>',
    '',
  ].join('\n');
}

function titleOf({ id, description }: ChartGraph): { width: number; svg: string } {
  const about = description.length > aboutCharsMax ? `${description.slice(0, aboutCharsMax)}…` : description;
  return {
    width: Math.ceil(about.length * 6 + 32),
    svg: `<text class="title" x="14" y="-27">${xmlText(id)}</text><text class="about" x="14" y="-9">${xmlText(about)}</text>`,
  };
}

function stateSvg(
  box: PlacedState,
  states: ReadonlyMap<string, ChartState>,
  active: ReadonlySet<string>,
): string {
  const state = states.get(box.id);
  if (state === undefined) return '';
  const { x, y, width, height } = box;
  const composite = state.kind === 'compound' || state.kind === 'parallel';
  const region = states.get(state.parent ?? '')?.kind === 'parallel';
  const tone = `tone-${state.tone ?? 'plain'}`;
  const group = classes(
    'state',
    composite ? 'composite' : 'leaf',
    region && 'region',
    state.kind === 'final' && 'final',
    tone,
    active.has(state.id) && 'active',
  );
  const nameX = x + (composite ? 13 : sizes.nameX);
  return [
    `<g class="${group}" data-state="${xmlText(state.id)}">`,
    `<title>${xmlText(hintOf(state))}</title>`,
    `<rect class="box" ${at(box)} rx="${composite ? 11 : 8}"/>`,
    state.kind === 'final'
      ? `<rect class="inner" ${at({ x: x + 3, y: y + 3, width: width - 6, height: height - 6 })} rx="5.5"/>`
      : '',
    composite ? '' : `<circle class="lamp" cx="${short(x + 12)}" cy="${short(y + 15)}" r="3.2"/>`,
    fitted('name', nameX, y + 19.5, state.key, box.nameWidth),
    state.kind === 'parallel'
      ? `<text class="kind" x="${x + width - 12}" y="${y + 19}" text-anchor="end">parallel</text>`
      : '',
    ...box.lines.map(({ kind, text, width: textWidth }, index) => {
      const top = y + sizes.headHeight + 3 + index * sizes.lineHeight;
      return (
        icon(kind, x + 12, top) +
        fitted(kind === 'owner' ? 'line owner' : 'line', x + sizes.lineX, top + 8.6, text, textWidth)
      );
    }),
    '</g>',
  ].join('');
}

/** What a pointer that rests on the state is told. */
function hintOf({ id, description, tone, tags, kind }: ChartState): string {
  const words = [...(tone === undefined || kind === 'final' ? [] : [tone]), ...tags];
  return (
    id +
    (words.length === 0 ? '' : ` (${words.join(', ')})`) +
    (description === undefined ? '' : `: ${description}`)
  );
}

function anywhereSvg(box: Box): string {
  const x = box.x + box.width / 2;
  return `<g class="anywhere"><rect ${at(box)} rx="13"/><text x="${x}" y="${box.y + 17}" text-anchor="middle">any state</text></g>`;
}

/** Whether the actor is where one of the edges that it stands for really begins. */
function isNext({ of }: PlacedEdge, possible: ReadonlySet<string>): boolean {
  return of.some((id) => possible.has(id));
}

function labelSvg(edge: PlacedEdge, possible: ReadonlySet<string>): string {
  const { id, label } = edge;
  return [
    `<g class="${classes('label', isNext(edge, possible) && 'next')}" data-edge="${xmlText(id)}">`,
    `<rect class="pill" ${at(label)} rx="6"/>`,
    ...label.lines.map((line, index) => lineSvg(line, label.x, label.y + 2.5 + index * sizes.lineHeight)),
    '</g>',
  ].join('');
}

function lineSvg({ kind, parts }: LabelLine, x: number, y: number): string {
  return [
    `<g class="${kind}">`,
    kind === 'event' ? '' : icon(kind, x + sizes.labelPadding, y + 2.6),
    ...parts.map((part) => fitted(part.role, x + part.x, y + 11, part.text, part.width)),
    '</g>',
  ].join('');
}

const clock = '<circle cx="5" cy="5" r="4.2"/><path d="M5 2.6V5l1.7 1"/>';
const icons: Readonly<Record<string, string>> = {
  after: clock,
  done: '<path d="M1.2 5.4 3.9 8 8.8 2.2"/>',
  failed: '<path d="M2 2l6 6M8 2l-6 6"/>',
  changed: '<path d="M1 6.5 3.5 4l3 2.5L9 3"/>',
  always: '<path class="solid" d="M5.8.6 1.8 5.8h2.7L4.1 9.4 8.2 4.2H5.4z"/>',
  invoke: '<path d="M8.4 3.2A3.9 3.9 0 1 0 9 5.6M8.8.9v2.5H6.4"/>',
  entry: '<path d="M1 5h6M4.6 2.4 7.2 5 4.6 7.6M9 1v8"/>',
  exit: '<path d="M3 5h6M6.6 2.4 9.2 5 6.6 7.6M1 1v8"/>',
  owner: '<circle cx="5" cy="3" r="2"/><path d="M1.2 9.2c.4-2.4 1.8-3.4 3.8-3.4s3.4 1 3.8 3.4"/>',
};

function icon(name: string, x: number, y: number): string {
  return `<g class="icon" transform="translate(${short(x)} ${short(y)}) scale(.95)">${icons[name] ?? ''}</g>`;
}

/** D2. */
function fitted(className: string, x: number, y: number, text: string, width: number): string {
  return `<text class="${className}" x="${short(x)}" y="${short(y)}" textLength="${width}" lengthAdjust="spacingAndGlyphs">${xmlText(text)}</text>`;
}

function at({ x, y, width, height }: Box): string {
  return `x="${x}" y="${y}" width="${width}" height="${height}"`;
}

/** Tenths are finer than any screen, and sums stay short. */
function short(value: number): number {
  return Math.round(value * 10) / 10;
}

function classes(...names: readonly (string | false | undefined)[]): string {
  return names.filter((name) => typeof name === 'string').join(' ');
}
