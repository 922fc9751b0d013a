// Finds a good picture: lays a chart out in several ways and keeps the one that reads best. Which way each composite runs
// matters most; it is turned one composite at a time, for as long as that helps.
import { type ChartGraph, type ChartView, type PlacedChart, type Point } from '../../src/inspect/index.ts';
import { type Direction, type LayoutChoice, layOut } from './layout.ts';

/** What a page shows without scrolling sideways, and without scrolling far. */
const wanted = { width: 1240, height: 860 };
/** What each costs, in parts of the picture's scale. */
const costs = { crossing: 0.012, bend: 0.003, length: 1 / 60_000, start: 1 / 4_000 };
const roundsMax = 2;

export async function bestLayout(graph: ChartGraph, view: ChartView): Promise<PlacedChart> {
  const composites = graph.states
    .filter(({ kind }) => kind === 'compound' || kind === 'parallel')
    .map(({ id }) => id);
  // In one run over all levels only the outermost direction counts.
  const turned = view === 'lifted' ? composites : composites.slice(0, 1);
  // elkjs throws when it is to heed the order of the model and edges may cross hierarchy.
  const ordered = view === 'lifted' || composites.length === 1;
  let best = await tried(graph, view, {
    directions: all(composites, 'RIGHT'),
    endsLast: true,
    placement: 'NETWORK_SIMPLEX',
    backward: 'GREEDY',
  });
  const take = async (choice: LayoutChoice): Promise<boolean> => {
    const next = await tried(graph, view, choice);
    if (next.score <= best.score) return false;
    best = next;
    return true;
  };
  await take({ ...best.choice, directions: all(composites, 'DOWN') });
  for (let round = 0; round < roundsMax; round++) {
    let better = false;
    for (const id of turned) {
      const { directions } = best.choice;
      const turn: Direction = directions[id] === 'RIGHT' ? 'DOWN' : 'RIGHT';
      better = (await take({ ...best.choice, directions: { ...directions, [id]: turn } })) || better;
    }
    better = (await take({ ...best.choice, endsLast: !best.choice.endsLast })) || better;
    const placement = best.choice.placement === 'NETWORK_SIMPLEX' ? 'BRANDES_KOEPF' : 'NETWORK_SIMPLEX';
    better = (await take({ ...best.choice, placement })) || better;
    if (ordered) {
      const backward = best.choice.backward === 'GREEDY' ? 'MODEL_ORDER' : 'GREEDY';
      better = (await take({ ...best.choice, backward })) || better;
    }
    if (!better) break;
  }
  return best.placed;
}

function all(ids: readonly string[], direction: Direction): Record<string, Direction> {
  return Object.fromEntries(ids.map((id) => [id, direction]));
}

async function tried(graph: ChartGraph, view: ChartView, choice: LayoutChoice) {
  const placed = await layOut(graph, view, choice);
  return { placed, choice, score: scoreOf(placed) };
}

function scoreOf({ width, height, edges, starts }: PlacedChart): number {
  const scale = Math.min(1, wanted.width / width, wanted.height / height);
  const lines = edges.map(({ points }) => points);
  const length = lines.flat().length === 0 ? 0 : lines.reduce((sum, line) => sum + lengthOf(line), 0);
  const bends = lines.reduce((sum, line) => sum + Math.max(0, line.length - 2), 0);
  const area = (width * height) / (wanted.width * wanted.height);
  return (
    scale -
    0.1 * Math.min(1, area) -
    costs.crossing * crossingsOf(lines) -
    costs.bend * bends -
    costs.length * length * scale -
    costs.start * starts.reduce((sum, { points }) => sum + lengthOf(points), 0)
  );
}

function segmentsOf(line: readonly Point[]): (readonly [Point, Point])[] {
  return line.slice(1).map((to, index) => [line[index] ?? to, to] as const);
}

function lengthOf(line: readonly Point[]): number {
  return segmentsOf(line).reduce((sum, [a, b]) => sum + Math.abs(b.x - a.x) + Math.abs(b.y - a.y), 0);
}

/** Where horizontal and vertical pieces of different edges cross. */
function crossingsOf(lines: readonly (readonly Point[])[]): number {
  let count = 0;
  const pieces = lines.flatMap((line, of) => segmentsOf(line).map(([a, b]) => ({ of, a, b })));
  const across = pieces.filter(({ a, b }) => a.y === b.y);
  const down = pieces.filter(({ a, b }) => a.x === b.x);
  for (const h of across) {
    for (const v of down) {
      if (h.of !== v.of && inside(v.a.x, h.a.x, h.b.x) && inside(h.a.y, v.a.y, v.b.y)) count++;
    }
  }
  return count;
}

function inside(value: number, one: number, other: number): boolean {
  return value > Math.min(one, other) && value < Math.max(one, other);
}
