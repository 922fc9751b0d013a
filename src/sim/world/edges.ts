/**
 * Which transitions of the charts were taken in a set of runs. One that never is, is dead code or a fault the world does not
 * know. Only changes of state are seen; transitions that stay where they are cannot be told apart.
 */
import { charts } from '../../../statecharts/index.ts';
import { statesOf, transitionsOf } from '../../inspect/charts/index.ts';

export interface ChartEdges {
  readonly chart: string;
  readonly taken: number;
  readonly all: number;
  readonly never: readonly string[];
}

interface Edge {
  readonly from: string;
  readonly event: string;
  readonly to: string;
}

/** Counts of {@link Tally.edges} against all that the charts have; charts of which nothing moved are left out. */
export function edgesTaken(counts: ReadonlyMap<string, number>): readonly ChartEdges[] {
  const moves = new Map<string, Edge[]>();
  for (const key of counts.keys()) {
    const [machine = '', from = '', event = '', to = ''] = key.split('\t');
    const known = moves.get(machine);
    if (known === undefined) moves.set(machine, [{ from, event, to }]);
    else known.push({ from, event, to });
  }
  return charts.flatMap(({ name, machine }) => {
    const seen = moves.get(machine.id);
    if (seen === undefined) return [];
    const all = statesOf(machine).flatMap((state) =>
      transitionsOf(state).flatMap(({ eventType, target }): Edge[] => {
        const [first] = target ?? [];
        if (first === undefined || first === state) return [];
        return [{ from: state.path.join('.'), event: eventType, to: first.path.join('.') }];
      }),
    );
    const never = all.filter((edge) => !seen.some((move) => isTaken(edge, move)));
    return [
      {
        chart: name,
        taken: all.length - never.length,
        all: all.length,
        never: never.map(({ from, event, to }) => `${from} --${event}--> ${to}`),
      },
    ];
  });
}

/** Names of states in parallel regions read `a.(x.y|z.w)`: every part of the path must be named. */
function isTaken(edge: Edge, move: Edge): boolean {
  const isEvent = edge.event === move.event || edge.event === '';
  return isEvent && isWithin(edge.from, move.from) && isWithin(edge.to, move.to);
}

function isWithin(path: string, name: string): boolean {
  if (path === '') return true;
  const words = new Set(name.split(/[.()|]+/));
  return path.split('.').every((word) => words.has(word));
}
