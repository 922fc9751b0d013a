import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Population } from '../../src/supervisor/index.ts';

it('answers like a Map, whatever is added, replaced and deleted', () => {
  const step = fc.record({ id: fc.nat(300), kind: fc.constantFrom('add', 'delete', 'get') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 2_000 }), (steps) => {
      const population = new Population<number>();
      const map = new Map<string, number>();
      steps.forEach(({ id: number, kind }, at) => {
        const id = `request:${number}`;
        if (kind === 'add') {
          population.add(id, at);
          map.delete(id); // a replaced member arrives anew
          map.set(id, at);
        } else if (kind === 'delete') expect(population.delete(id)).toBe(map.delete(id));
        else expect(population.get(id)).toBe(map.get(id));
        expect(population.size).toBe(map.size);
      });
      expect(population.entries()).toEqual([...map]);
      expect(population.values()).toEqual([...map.values()]);
    }),
  );
});

it('may be changed while somebody goes through it', () => {
  const population = new Population<string>();
  for (const id of ['a', 'b', 'c']) population.add(id, id.toUpperCase());
  const seen: string[] = [];
  for (const [id, value] of population.entries()) {
    seen.push(value);
    population.delete(id);
    population.add(`${id}2`, value);
  }
  expect(seen).toEqual(['A', 'B', 'C']);
  expect(population.entries()).toEqual([
    ['a2', 'A'],
    ['b2', 'B'],
    ['c2', 'C'],
  ]);
  population.clear();
  expect([population.size, population.values()]).toEqual([0, []]);
});
