/**
 * Runs that are cancelled, or whose calls lose their answers, at any point: afterwards one quiet run brings the cluster to what
 * the commit says, nobody else's object was touched, and nothing of the project is forgotten.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { cm, configMaps, gitopsWorld, type GitopsWorld, type Json } from './gitops-world.ts';

const rounds = (process.env['KUBEBUILDER_ASSETS'] ?? '') === '' ? 200 : 30;
let world: GitopsWorld;
beforeAll(async () => {
  world = await gitopsWorld();
}, 120_000);
afterAll(() => world.stop());

const owner = 'config.k8s.io/owning-inventory';

/** Some of ten objects, some of which need one before them. */
function randomCommit(random: SeededRandom, namespace: string): Json[] {
  const chosen = Array.from({ length: 10 }, (_, index) => index).filter(() => random.next() < 0.6);
  return chosen.map((index, at) => {
    const before = chosen[at - 1];
    const needs =
      before === undefined || random.next() < 0.5
        ? {}
        : { 'config.kubernetes.io/depends-on': `/namespaces/${namespace}/ConfigMap/cm-${before}` };
    return cm(`cm-${index}`, { value: String(random.below(3)) }, { annotations: needs });
  });
}

describe('a run that is cancelled anywhere', () => {
  test('leaves what the next one brings to its end', { timeout: 120_000 }, async () => {
    const random = new SeededRandom(20);
    const project = await world.project();
    const { namespace, inventoryId } = project;
    await world.client.create(configMaps, namespace, cm('cm-3', { value: 'foreign' }));
    await world.client.create(configMaps, namespace, cm('stranger', {}, { annotations: { [owner]: 'x' } }));
    let cancelled = 0;
    for (let round = 0; round < rounds; round += 1) {
      const controller = new AbortController();
      let left = random.below(40);
      const tell = () => {
        left -= 1;
        if (left <= 0) controller.abort();
      };
      const { result } = await project.sync(
        randomCommit(random, namespace),
        {},
        { signal: controller.signal, tell },
      );
      if (result.kind === 'cancelled') cancelled += 1;
      const items = await world.client.list(configMaps, { namespace });
      if (items.kind !== 'ok') throw new Error(JSON.stringify(items));
      const ours = items.value.items.filter(({ metadata }) => metadata.annotations?.[owner] === inventoryId);
      const keys = new Set(
        items.value.items.some(({ metadata }) => metadata.name === `inventory-${inventoryId}`)
          ? await world.inventoryKeys(project)
          : [],
      );
      for (const { metadata } of ours) expect(keys).toContain(`${namespace}_${metadata.name}__ConfigMap`);
    }
    expect(cancelled).toBeGreaterThan(rounds / 4);
    const needy = { 'config.kubernetes.io/depends-on': `/namespaces/${namespace}/ConfigMap/cm-0` };
    const last = [cm('cm-0'), cm('cm-3', { value: 'ours' }), cm('cm-5', {}, { annotations: needy })];
    const { result } = await project.sync(last);
    expect(result.kind).toBe('synced');
    const wanted = ['cm-0', 'cm-5'];
    expect(await world.inventoryKeys(project)).toEqual(
      wanted.map((name) => `${namespace}_${name}__ConfigMap`),
    );
    const names = await world.names(configMaps, namespace);
    const rest = ['cm-3', 'stranger', `inventory-${inventoryId}`];
    expect([...names].filter((name) => name !== 'kube-root-ca.crt').sort()).toEqual(
      [...wanted, ...rest].sort(),
    );
    expect((await world.live(configMaps, 'cm-3', namespace))?.['data']).toEqual({ value: 'foreign' });
    await expect.poll(() => world.supervisor.count()).toBe(0);
  });
});
