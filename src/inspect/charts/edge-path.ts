/** The line of an edge: along its points, round at the corners. */
import type { Point } from './placed-chart.ts';

const radius = 7;

export function edgePath(points: readonly Point[]): string {
  return points
    .map((point, index) => {
      const [before, after] = [points[index - 1], points[index + 1]];
      if (before === undefined) return `M${text(point)}`;
      if (after === undefined) return `L${text(point)}`;
      const size = Math.min(radius, distance(before, point) / 2, distance(point, after) / 2);
      if (size < 0.5) return `L${text(point)}`;
      return `L${text(towards(point, before, size))}Q${text(point)} ${text(towards(point, after, size))}`;
    })
    .join('');
}

function distance(a: Point, b: Point): number {
  return Math.hypot(b.x - a.x, b.y - a.y);
}

function towards(from: Point, to: Point, length: number): Point {
  const share = length / distance(from, to);
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

function text({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
}
