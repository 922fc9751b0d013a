/** The laws of charts (`src/testing/chart-laws.ts`), for every chart of the folder; a chart that is not listed fails. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { charts } from '../../statecharts/index.ts';
import { tones } from '../../statecharts/tone.ts';
import { chartLaws } from '../../src/testing/index.ts';
import { chartModels, modelOf } from './models.ts';

/** The machine itself, from `setup(` to its end; the essay and the vocabulary come on top. */
const machineLinesMax = 200;
const fileLinesMax = 300;

const folder = new URL('../../statecharts/', import.meta.url);
const names = charts.map(({ name }) => name);

it('lists every chart of the folder, in order', () => {
  const files = readdirSync(folder).map((file) => file.replace(/\.ts$/, ''));
  const vocabulary = new Set(['index', 'tone']);
  expect(names).toEqual(files.filter((file) => !vocabulary.has(file)).sort());
});

it('has a model of nothing but charts', () => {
  expect(Object.keys(chartModels).filter((name) => !names.includes(name))).toEqual([]);
});

describe.each(charts.map(({ name, machine }) => ({ name, machine })))(
  'the $name chart',
  ({ name, machine }) => {
    const laws = chartLaws(machine, modelOf(name), { tones, iterationsMax: 100 });

    it.each(laws)('$name', ({ broken }) => expect(broken).toEqual([]));

    it('fits on a few screens', () => {
      const lines = readFileSync(new URL(`${name}.ts`, folder), 'utf8').split('\n');
      const first = lines.findIndex((line) => line.includes('setup({'));
      const last = lines.findIndex((line, index) => index > first && line === '});');
      expect(first).toBeGreaterThan(0);
      expect(last - first).toBeLessThanOrEqual(machineLinesMax);
      expect(lines.length).toBeLessThanOrEqual(fileLinesMax);
    });
  },
);
