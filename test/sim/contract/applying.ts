/** The contract of server-side apply and field ownership. */
import { beforeAll, describe, expect, it } from 'vitest';
import { configMap, deployment, freshNamespace, messageOf, shown, type World } from './world.ts';
import type { Answer } from '../kube-client.ts';

const managersOf = (answer: Answer) =>
  (shown(answer).metadata.managedFields ?? []).map((entry) => `${entry.manager} ${entry.operation}`).sort();

export function applyingContract(world: () => World): void {
  describe('server-side apply', () => {
    let maps = '';
    const apps = '/apis/apps/v1/namespaces/applying/deployments';
    beforeAll(async () => {
      maps = `${await freshNamespace(world().admin, 'applying')}/configmaps`;
    });

    it('creates what does not exist, then changes it, and remembers who set what', async () => {
      const { admin } = world();
      const created = await admin.apply(`${maps}/a1`, 'one', configMap('a1', { a: '1' }));
      expect(created.status).toBe(201);
      expect(managersOf(created)).toEqual(['one Apply']);
      expect(created.json).toMatchObject({
        metadata: { managedFields: [{ fieldsV1: { 'f:data': { 'f:a': {} } } }] },
      });
      const again = await admin.apply(`${maps}/a1`, 'one', configMap('a1', { a: '1' }));
      expect(again.status).toBe(200);
      expect(shown(again).metadata.resourceVersion).toBe(shown(created).metadata.resourceVersion);
      const more = await admin.apply(`${maps}/a1`, 'two', configMap('a1', { b: '2' }));
      expect(shown(more).data).toEqual({ a: '1', b: '2' });
      expect(managersOf(more)).toEqual(['one Apply', 'two Apply']);
    });

    it('takes YAML', async () => {
      const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: "1"\n';
      const created = await world().admin.apply(`${maps}/yaml`, 'one', text);
      expect(created.status).toBe(201);
      expect(shown(created).data).toEqual({ a: '1' });
    });

    it('refuses to change the field of another manager, unless forced', async () => {
      const { admin } = world();
      await admin.apply(`${maps}/a2`, 'one', configMap('a2', { a: '1', b: '1' }));
      const refused = await admin.apply(`${maps}/a2`, 'two', configMap('a2', { a: '2' }));
      expect(refused.status).toBe(409);
      expect(refused.json).toMatchObject({
        reason: 'Conflict',
        message: 'Apply failed with 1 conflict: conflict with "one": .data.a',
        details: {
          causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' }],
        },
      });
      const both = await admin.apply(`${maps}/a2`, 'two', configMap('a2', { a: '2', b: '2' }));
      expect(messageOf(both)).toBe(
        'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b',
      );
      const forced = await admin.apply(`${maps}/a2`, 'two', configMap('a2', { a: '2' }), true);
      expect(forced.status).toBe(200);
      expect(shown(forced).data).toEqual({ a: '2', b: '1' });
      const back = await admin.apply(`${maps}/a2`, 'one', configMap('a2', { a: '1', b: '1' }));
      expect(messageOf(back)).toContain('conflict with "two": .data.a');
    });

    it('shares a field that two managers set alike', async () => {
      const { admin } = world();
      await admin.apply(`${maps}/a3`, 'one', configMap('a3', { a: '1' }));
      expect((await admin.apply(`${maps}/a3`, 'two', configMap('a3', { a: '1' }))).status).toBe(200);
      const left = await admin.apply(`${maps}/a3`, 'one', configMap('a3'));
      expect(shown(left).data).toEqual({ a: '1' });
      const gone = await admin.apply(`${maps}/a3`, 'two', { ...configMap('a3'), data: undefined });
      expect(shown(gone).data ?? {}).toEqual({});
    });

    it('removes what its manager no longer says', async () => {
      const { admin } = world();
      await admin.apply(`${maps}/a4`, 'one', configMap('a4', { a: '1', b: '2' }));
      const less = await admin.apply(`${maps}/a4`, 'one', configMap('a4', { b: '2' }));
      expect(shown(less).data).toEqual({ b: '2' });
    });

    it('gives a field to whoever updates it', async () => {
      const { admin } = world();
      await admin.apply(`${maps}/a5`, 'one', configMap('a5', { a: '1' }));
      const updated = await admin.call('PATCH', `${maps}/a5?fieldManager=hand`, {
        body: { data: { a: '2' } },
        type: 'application/merge-patch+json',
      });
      expect(managersOf(updated)).toContain('hand Update');
      const refused = await admin.apply(`${maps}/a5`, 'one', configMap('a5', { a: '1' }));
      expect(refused.status).toBe(409);
      expect(messageOf(refused)).toMatch(/conflict with "hand" using v1.*: \.data\.a$/);
    });

    it('merges lists by the keys of their items', async () => {
      const { admin } = world();
      await admin.apply(`${apps}/d1`, 'one', deployment('d1'));
      const spec = { containers: [{ name: 'sidecar', image: 'side:1' }] };
      const partial = { apiVersion: 'apps/v1', kind: 'Deployment', spec: { template: { spec } } };
      const both = await admin.apply(`${apps}/d1`, 'two', partial);
      expect(both.json).toHaveProperty('spec.template.spec.containers', [
        expect.objectContaining({ name: 'web' }),
        expect.objectContaining({ name: 'sidecar' }),
      ]);
      const conflict = await admin.apply(`${apps}/d1`, 'two', {
        ...partial,
        spec: { template: { spec: { containers: [{ name: 'web', image: 'web:2' }] } } },
      });
      expect(messageOf(conflict)).toBe(
        'Apply failed with 1 conflict: conflict with "one": .spec.template.spec.containers[name="web"].image',
      );
      const gone = await admin.apply(`${apps}/d1`, 'two', { apiVersion: 'apps/v1', kind: 'Deployment' });
      expect(gone.json).toHaveProperty('spec.template.spec.containers', [
        expect.objectContaining({ name: 'web' }),
      ]);
    });

    it('demands a manager and refuses managed fields', async () => {
      const { admin } = world();
      const type = 'application/apply-patch+yaml';
      const nameless = await admin.call('PATCH', `${maps}/a6`, { body: configMap('a6'), type });
      expect(nameless.status).toBe(422);
      expect(messageOf(nameless)).toContain('fieldManager: Required value: is required for apply patch');
      const managed = configMap('a6', {}, { managedFields: [] });
      const unknown = await admin.call('PATCH', `${maps}/a6`, { body: managed, type: 'application/unknown' });
      expect(unknown.status).toBe(415);
    });
  });
}
