// Where everything in the picture of a chart goes: one run of ELK's layered algorithm. elkjs is large and slow, so it is
// used here only, when pictures are made; what the product carries are the places.
//
// In the lifted view no edge crosses a border, so each composite is laid out by itself and may have its own direction. In
// the full view everything is laid out in one run.
import ELK from 'elkjs/lib/elk.bundled.js';
import type { ElkExtendedEdge, ElkNode, LayoutOptions } from 'elkjs/lib/elk-api.js';
import {
  type Box,
  type ChartGraph,
  type ChartState,
  type ChartView,
  chartSizes,
  edgesOfView,
  type PlacedChart,
  type PlacedStart,
  type PlacedState,
  type Point,
  type ViewEdge,
} from '../../src/inspect/index.ts';
import { type Label, labelOf, stateLinesOf } from './drawn-lines.ts';
import { ranksOf } from './ranks.ts';
import { textWidth } from './text-width.ts';

export type Direction = 'RIGHT' | 'DOWN';

/** What may be varied to find a good picture. */
export interface LayoutChoice {
  readonly directions: Readonly<Record<string, Direction>>;
  readonly endsLast: boolean;
  readonly placement: 'NETWORK_SIMPLEX' | 'BRANDES_KOEPF';
  /** Which edges of a circle run backward: the fewest, or those that lead nearer to the beginning. */
  readonly backward: 'GREEDY' | 'MODEL_ORDER';
}

const padding = 14;
const anywhereSize = { width: 74, height: 26 };
const startId = (state: string) => `${state}:start`;
const anywhereId = (state: string) => `${state}:any`;

function commonOptions(view: ChartView, choice: LayoutChoice): LayoutOptions {
  const lifted = view === 'lifted';
  return {
    'elk.algorithm': 'layered',
    'elk.hierarchyHandling': lifted ? 'SEPARATE_CHILDREN' : 'INCLUDE_CHILDREN',
    'elk.edgeRouting': 'ORTHOGONAL',
    'elk.json.shapeCoords': 'ROOT',
    'elk.json.edgeCoords': 'ROOT',
    'elk.randomSeed': '1',
    'elk.layered.considerModelOrder.strategy': 'NONE',
    'elk.layered.cycleBreaking.strategy': choice.backward,
    'elk.layered.nodePlacement.strategy': choice.placement,
    'elk.layered.nodePlacement.favorStraightEdges': 'true',
    'elk.layered.nodePlacement.bk.fixedAlignment': 'BALANCED',
    'elk.layered.spacing.nodeNodeBetweenLayers': lifted ? '20' : '34',
    'elk.spacing.nodeNode': lifted ? '18' : '26',
    'elk.spacing.edgeNode': lifted ? '12' : '16',
    'elk.spacing.edgeEdge': '10',
    'elk.layered.spacing.edgeNodeBetweenLayers': '12',
    'elk.layered.spacing.edgeEdgeBetweenLayers': '9',
    'elk.spacing.componentComponent': '18',
    'elk.spacing.edgeLabel': '4',
    'elk.spacing.labelLabel': '6',
    'elk.layered.thoroughness': '24',
  };
}

export async function layOut(graph: ChartGraph, view: ChartView, choice: LayoutChoice): Promise<PlacedChart> {
  const drawing = new Drawing(graph, view, choice);
  const elk = new ELK.default(); // CommonJS
  const laidOut = await elk.layout(drawing.document());
  return drawing.placed(laidOut);
}

class Drawing {
  readonly #graph: ChartGraph;
  readonly #view: ChartView;
  readonly #choice: LayoutChoice;
  readonly #options: LayoutOptions;
  readonly #edges: ReadonlyMap<string, ViewEdge>;
  readonly #labels: ReadonlyMap<string, Label>;

  constructor(graph: ChartGraph, view: ChartView, choice: LayoutChoice) {
    this.#graph = graph;
    this.#view = view;
    this.#choice = choice;
    this.#options = commonOptions(view, choice);
    const edges = edgesOfView(graph, view);
    this.#edges = new Map(edges.map((edge) => [edge.id, edge]));
    this.#labels = new Map(edges.map((edge) => [edge.id, labelOf(edge, view)]));
  }

  document(): ElkNode {
    const [root] = this.#graph.states;
    if (root === undefined) throw new Error(`chart ${this.#graph.id} has no state`);
    const node = this.#node(root);
    // In one run all edges belong to the outermost node.
    if (this.#view === 'full') node.edges = this.#graph.states.flatMap(({ id }) => this.#edgesIn(id));
    const sides = `[top=${padding},left=${padding},bottom=${padding},right=${padding}]`;
    return { ...node, layoutOptions: { ...node.layoutOptions, 'elk.padding': sides } };
  }

  /** The order of the model tells forward from backward. */
  #byRank(states: readonly ChartState[]): readonly ChartState[] {
    const ranks = ranksOf(this.#graph);
    return states.toSorted((a, b) => (ranks.get(a.id) ?? 0) - (ranks.get(b.id) ?? 0));
  }

  #childrenOf(id: string): readonly ChartState[] {
    return this.#graph.states.filter(({ parent }) => parent === id);
  }

  #node(state: ChartState): ElkNode {
    const children = this.#childrenOf(state.id);
    const lines = stateLinesOf(state, this.#view);
    const head = chartSizes.headHeight + lines.length * chartSizes.lineHeight + (lines.length > 0 ? 4 : 0);
    const width = Math.ceil(
      Math.max(
        chartSizes.nameX + textWidth(state.key, chartSizes.namePx, 'bold') + 14 + parallelWidth(state),
        ...lines.map((line) => chartSizes.lineX + line.width + 12),
      ),
    );
    if (children.length === 0) {
      const last = state.kind === 'final' && this.#choice.endsLast && state.parent === this.#graph.id;
      return {
        id: state.id,
        width,
        height: head + 4,
        layoutOptions: { 'elk.layered.layering.layerConstraint': last ? 'LAST' : 'NONE' },
      };
    }
    const added: ElkNode[] = [];
    if (state.initial !== undefined) {
      const size = chartSizes.startRadius * 2;
      const first = { 'elk.layered.layering.layerConstraint': 'FIRST' };
      added.push({ id: startId(state.id), width: size, height: size, layoutOptions: first });
    }
    if ([...this.#edges.values()].some(({ anywhere, source }) => anywhere && source === state.id)) {
      added.push({ id: anywhereId(state.id), ...anywhereSize });
    }
    return {
      id: state.id,
      layoutOptions: this.#compositeOptions(state, head, width),
      children: [...added, ...this.#byRank(children).map((child) => this.#node(child))],
      ...(this.#view === 'full' ? {} : { edges: this.#edgesIn(state.id) }),
    };
  }

  #compositeOptions({ id, kind }: ChartState, head: number, width: number): LayoutOptions {
    const direction = this.#choice.directions[id] ?? 'RIGHT';
    const side = this.#view === 'lifted' ? 12 : 16;
    return {
      ...this.#options,
      'elk.direction': direction,
      'elk.padding': `[top=${head + 8},left=${side},bottom=${side},right=${side}]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width},${head})`,
      // Regions have no edges between them: how they are packed is decided by the wanted shape.
      ...(kind === 'parallel' ? { 'elk.aspectRatio': direction === 'RIGHT' ? '10' : '0.1' } : {}),
    };
  }

  /** Those of a level, and the way from its start. */
  #edgesIn(level: string): ElkExtendedEdge[] {
    const ranks = ranksOf(this.#graph);
    const edges = [...this.#edges.values()].filter((edge) => edge.level === level);
    const elkEdges = edges.map((edge): ElkExtendedEdge => {
      const forward = (ranks.get(edge.target) ?? 0) > (ranks.get(edge.source) ?? 0);
      const { width = 0, height = 0 } = this.#labels.get(edge.id) ?? {};
      return {
        id: edge.id,
        sources: [edge.anywhere ? anywhereId(edge.source) : edge.source],
        targets: [edge.target],
        layoutOptions: {
          'elk.layered.priority.direction': forward ? '10' : '0',
          'elk.layered.priority.straightness': forward ? '5' : '0',
        },
        labels: [
          {
            id: `${edge.id}:label`,
            text: edge.id,
            width,
            height,
            // On the label itself; on the graph these are not heeded.
            layoutOptions: { 'elk.edgeLabels.placement': 'CENTER', 'elk.edgeLabels.inline': 'true' },
          },
        ],
      };
    });
    const initial = this.#graph.states.find(({ id }) => id === level)?.initial;
    if (initial === undefined) return elkEdges;
    const strong = {
      'elk.layered.priority.direction': '20',
      'elk.layered.priority.straightness': '20',
      'elk.layered.priority.shortness': '20',
    };
    const begin = this.#view === 'full' ? initial : this.#childAround(level, initial);
    return [
      { id: startId(level), sources: [startId(level)], targets: [begin], layoutOptions: strong },
      ...elkEdges,
    ];
  }

  #childAround(level: string, id: string): string {
    const parent = this.#graph.states.find((state) => state.id === id)?.parent;
    return parent === undefined || parent === level ? id : this.#childAround(level, parent);
  }

  placed(root: ElkNode): PlacedChart {
    const nodes = new Map(nodesIn(root).map((node) => [node.id, node]));
    const elkEdges = new Map(edgesIn(root).map((edge) => [edge.id, edge]));
    const inner = this.#graph.states.filter(({ parent }) => parent !== undefined);
    return {
      view: this.#view,
      width: Math.ceil(root.width ?? 0),
      height: Math.ceil(root.height ?? 0),
      states: this.#evenRegions(
        inner.map((state) => ({
          id: state.id,
          ...boxOf(nodes.get(state.id)),
          nameWidth: textWidth(state.key, chartSizes.namePx, 'bold'),
          lines: stateLinesOf(state, this.#view),
        })),
      ),
      edges: [...this.#edges.values()].map((edge) => {
        const elkEdge = elkEdges.get(edge.id);
        return {
          id: edge.id,
          source: edge.source,
          target: edge.target,
          of: edge.of,
          points: pointsOf(elkEdge),
          label: { ...boxOf(elkEdge?.labels?.[0]), lines: this.#labels.get(edge.id)?.lines ?? [] },
        };
      }),
      starts: this.#graph.states.flatMap(({ id, initial }): PlacedStart[] => {
        if (initial === undefined) return [];
        const { x, y, width } = boxOf(nodes.get(startId(id)));
        return [{ of: id, x: x + width / 2, y: y + width / 2, points: pointsOf(elkEdges.get(startId(id))) }];
      }),
      anywhere: this.#graph.states.flatMap(({ id }) => {
        const node = nodes.get(anywhereId(id));
        return node === undefined ? [] : [{ of: id, ...boxOf(node) }];
      }),
    };
  }

  /** Regions of one row become equally high, and the last of a row reaches to the side of the parallel state. */
  #evenRegions(placed: readonly PlacedState[]): PlacedState[] {
    const evened = new Map(placed.map((state) => [state.id, state]));
    for (const { id } of this.#graph.states.filter(({ kind }) => kind === 'parallel')) {
      const regions = this.#childrenOf(id).flatMap((child) => evened.get(child.id) ?? []);
      const right = Math.max(...regions.map(({ x, width }) => x + width));
      for (const region of regions) {
        const row = regions.filter(({ y }) => Math.abs(y - region.y) < 2);
        const last = row.every(({ x }) => x <= region.x);
        const wider = {
          ...region,
          width: last ? right - region.x : region.width,
          height: Math.max(...row.map(({ height }) => height)),
        };
        const free = regions.every((other) => other === region || !overlap(other, wider));
        if (free) evened.set(region.id, wider);
      }
    }
    return [...evened.values()];
  }
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function parallelWidth({ kind }: ChartState): number {
  return kind === 'parallel' ? 60 : 0;
}

function nodesIn(node: ElkNode): ElkNode[] {
  return [node, ...(node.children ?? []).flatMap((child) => nodesIn(child))];
}

function edgesIn(node: ElkNode): ElkExtendedEdge[] {
  return nodesIn(node).flatMap(({ edges }) => edges ?? []);
}

/** Halves of pixels are exact enough, and the same on every machine. */
const rounded = (value: number | undefined) => Math.round((value ?? 0) * 2) / 2;

function boxOf(shape: { x?: number; y?: number; width?: number; height?: number } | undefined) {
  return {
    x: rounded(shape?.x),
    y: rounded(shape?.y),
    width: rounded(shape?.width),
    height: rounded(shape?.height),
  };
}

function pointsOf(edge: ElkExtendedEdge | undefined): Point[] {
  const points = (edge?.sections ?? []).flatMap(({ startPoint, bendPoints = [], endPoint }) => [
    startPoint,
    ...bendPoints,
    endPoint,
  ]);
  return points.map(({ x, y }) => ({ x: rounded(x), y: rounded(y) }));
}
