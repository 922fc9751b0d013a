/** The drawings as they lie in the repository: all there, nothing on top of anything else, nothing outside the picture. */
import { createMachine } from 'xstate';
import { describe, expect, it } from 'vitest';
import { bestLayout } from '../../../scripts/charts/fit.ts';
import {
  type Box,
  chartDrawing,
  chartGraphOf,
  type ChartGraph,
  type ChartView,
  type PlacedChart,
} from '../../../src/inspect/index.ts';
import { charts } from '../../../statecharts/index.ts';

const views: readonly ChartView[] = ['lifted', 'full'];
const overlap = (a: Box, b: Box) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
const within = (inner: Box, outer: Box) =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.width <= outer.x + outer.width &&
  inner.y + inner.height <= outer.y + outer.height;

function overlapping(boxes: readonly (Box & { readonly id: string })[]): string[] {
  return boxes.flatMap((a, index) =>
    boxes.slice(index + 1).flatMap((b) => (overlap(a, b) ? [`${a.id} on ${b.id}`] : [])),
  );
}

function expectSane(graph: ChartGraph, placed: PlacedChart): void {
  const page = { x: 0, y: 0, width: placed.width, height: placed.height };
  const places = new Map(placed.states.map((state) => [state.id, state]));
  const inner = graph.states.filter(({ parent }) => parent !== undefined);
  expect([...places.keys()]).toEqual(inner.map(({ id }) => id));
  for (const { id, parent = '' } of inner) {
    expect(within(places.get(id) ?? page, places.get(parent) ?? page), `${id} in ${parent}`).toBe(true);
  }
  for (const { id } of graph.states) {
    const siblings = inner
      .filter(({ parent }) => parent === id)
      .flatMap((child) => places.get(child.id) ?? []);
    const any = placed.anywhere.filter(({ of }) => of === id).map((box) => ({ ...box, id: `any of ${id}` }));
    expect(overlapping([...siblings, ...any])).toEqual([]);
  }
  const leaves = inner.filter(({ kind }) => kind !== 'compound' && kind !== 'parallel');
  const labels = placed.edges.map(({ id, label }) => ({ ...label, id }));
  expect(overlapping([...leaves.flatMap(({ id }) => places.get(id) ?? []), ...labels])).toEqual([]);
  for (const { id, points, label } of placed.edges) {
    expect(points.length, id).toBeGreaterThan(1);
    expect(label.lines.length, id).toBeGreaterThan(0);
    expect(within(label, page), `label of ${id}`).toBe(true);
    for (const point of points) expect(within({ ...point, width: 0, height: 0 }, page), id).toBe(true);
  }
  expect(placed.starts.map(({ of }) => of)).toEqual(
    graph.states.flatMap(({ id, initial }) => (initial === undefined ? [] : [id])),
  );
  const drawn = new Set(placed.edges.flatMap(({ of }) => of));
  expect(graph.edges.map(({ id }) => id).filter((id) => !drawn.has(id))).toEqual([]);
}

describe.each(charts.map(({ name, machine }) => ({ name, machine })))(
  'the drawing of $name',
  ({ name, machine }) => {
    it.each(views)('has a place for everything in the %s view', (view) => {
      const drawing = chartDrawing(name);
      if (drawing === undefined) throw new Error('there is no drawing; npm run charts');
      expect(drawing.graph).toEqual(chartGraphOf(machine));
      expectSane(drawing.graph, drawing[view]);
    });
  },
);

it.each(charts)('all that $name does and asks has a name, so that a picture can say it', ({ machine }) => {
  expect(JSON.stringify(chartGraphOf(machine))).not.toContain('"inline"');
});

it('there is no drawing of what is no chart', () => {
  expect(chartDrawing('nothing')).toBeUndefined();
  expect(chartDrawing('../gen/request')).toBeUndefined();
});

describe('the layout', () => {
  const machine = createMachine({
    id: 'small',
    type: 'parallel',
    states: {
      left: {
        initial: 'x',
        on: { reset: '.x' },
        states: { x: { on: { go: 'y' } }, y: { on: { go: { target: 'y', reenter: true } } } },
      },
      right: { initial: 'u', states: { u: { on: { out: '#small.left.y' } }, w: { type: 'final' } } },
    },
  });
  const graph = chartGraphOf(machine);

  it.each(views)('is the same every time, in the %s view', async (view) => {
    const placed = await bestLayout(graph, view);
    expect(await bestLayout(graph, view)).toEqual(placed);
    expect(placed.states).toHaveLength(6);
  });
});
