/** The contract of custom resource definitions, and of the resources they bring. */
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freshNamespace, messageOf, shown, type World } from './world.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

async function define(world: World, group: string): Promise<string> {
  const { admin } = world;
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const created = await admin.post(definitions, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `gadgets.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'gadgets', kind: 'Gadget', shortNames: ['gg'] },
      versions: [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {} } }],
    },
  });
  expect(created.status).toBe(201);
  const path = `/apis/${group}/v1/namespaces/${group.split('.')[0]}/gadgets`;
  for (let tries = 0; tries < 100 && (await admin.get(path)).status !== 200; tries += 1) await delay(100);
  return path;
}

export function definitionsContract(world: () => World): void {
  describe('custom resource definitions', () => {
    let path = '';
    beforeAll(async () => {
      await freshNamespace(world().admin, 'contract');
      path = await define(world(), 'contract.example.com');
    });

    it('serves the kind of a definition', async () => {
      const { admin } = world();
      const list = await admin.get(path);
      expect(list.json).toMatchObject({
        kind: 'GadgetList',
        apiVersion: 'contract.example.com/v1',
        items: [],
      });
      const missing = await admin.get(`${path}/none`);
      expect(messageOf(missing)).toBe('gadgets.contract.example.com "none" not found');
      const found = await admin.get('/apis/contract.example.com/v1');
      expect(found.json).toMatchObject({
        resources: expect.arrayContaining([
          expect.objectContaining({ name: 'gadgets', kind: 'Gadget', shortNames: ['gg'] }),
          expect.objectContaining({ name: 'gadgets/status' }),
        ]) as unknown,
      });
    });

    it('tells a watch that its version is too old to start from', async () => {
      // The history of this kind began with its definition, so that version 1 is before all that is known.
      const watch = await world().admin.watch(`${path}?watch=true&resourceVersion=1`);
      expect(watch.status).toBe(200);
      const event = await watch.next();
      expect(event?.type).toBe('ERROR');
      expect(event?.object).toMatchObject({
        kind: 'Status',
        status: 'Failure',
        code: 410,
        reason: 'Expired',
        message: expect.stringMatching(/^too old resource version: 1 \(\d+\)$/) as unknown,
      });
      expect(await watch.next()).toBeUndefined();
    });

    it('refuses a definition that is misnamed', async () => {
      const refused = await world().admin.post(definitions, {
        metadata: { name: 'wrong.example.com' },
        spec: {
          group: 'example.com',
          scope: 'Cluster',
          names: { plural: 'things', kind: 'Thing' },
          versions: [],
        },
      });
      expect(refused.status).toBe(422);
    });
  });
}

/** The life of custom resources, where the API server survives one. */
export function customResourcesContract(world: () => World): void {
  describe('custom resources', () => {
    let path = '';
    const gadget = (name: string, size: number) => ({
      apiVersion: 'custom.example.com/v1',
      kind: 'Gadget',
      metadata: { name },
      spec: { size },
    });
    beforeAll(async () => {
      await freshNamespace(world().admin, 'custom');
      path = await define(world(), 'custom.example.com');
    });
    beforeEach((context) => {
      const { takesCustomObjects } = world().cluster;
      context.skip(!takesCustomObjects, 'this build of the API server dies of custom objects');
    });

    it('demands the version of an update and knows no strategic merge', async () => {
      const { admin } = world();
      const created = await admin.post(path, gadget('g2', 1));
      expect(created.status).toBe(201);
      expect(shown(created).metadata.generation).toBe(1);
      const blind = await admin.put(`${path}/g2`, gadget('g2', 2));
      expect(blind.status).toBe(422);
      expect(messageOf(blind)).toContain('metadata.resourceVersion');
      expect((await admin.patch(`${path}/g2`, 'strategic-merge-patch', { spec: { size: 2 } })).status).toBe(
        415,
      );
      const merged = await admin.patch(`${path}/g2`, 'merge-patch', { spec: { size: 2 } });
      expect(merged.json).toMatchObject({ metadata: { generation: 2 }, spec: { size: 2 } });
    });

    it('keeps the status of custom resources apart', async () => {
      const { admin } = world();
      await admin.post(path, gadget('g3', 1));
      const told = await admin.patch(`${path}/g3/status`, 'merge-patch', {
        status: { ok: true },
        spec: { size: 9 },
      });
      expect(told.json).toMatchObject({
        spec: { size: 1 },
        status: { ok: true },
        metadata: { generation: 1 },
      });
    });

    it('drops all resources with their definition', async () => {
      const { admin } = world();
      await freshNamespace(admin, 'passing');
      const passing = await define(world(), 'passing.example.com');
      const body = { ...gadget('g4', 1), apiVersion: 'passing.example.com/v1' };
      expect((await admin.post(passing, body)).status).toBe(201);
      await admin.delete(`${definitions}/gadgets.passing.example.com`);
      const kinds = `${definitions}/gadgets.passing.example.com`;
      await expect.poll(async () => (await admin.get(kinds)).status, { timeout: 60_000 }).toBe(404);
      await expect.poll(async () => (await admin.get(passing)).status, { timeout: 60_000 }).toBe(404);
      await define(world(), 'passing.example.com');
      expect(shown(await admin.get(passing)).items).toEqual([]);
    });
  });
}
