/** The contract of plain objects: create, read, update, patch, delete, select, page. */
import { beforeAll, describe, expect, it } from 'vitest';
import { configMap, deployment, freshNamespace, messageOf, namesOf, shown, type World } from './world.ts';

export function objectsContract(world: () => World): void {
  describe('objects', () => {
    let core = '';
    let maps = '';
    const apps = '/apis/apps/v1/namespaces/objects/deployments';
    beforeAll(async () => {
      core = await freshNamespace(world().admin, 'objects');
      maps = `${core}/configmaps`;
    });

    it('gives a created object an identity and a version, and answers 201', async () => {
      const created = await world().admin.post(maps, configMap('created', { a: '1' }));
      expect(created.status).toBe(201);
      expect(created.header('content-type')).toBe('application/json');
      expect(created.json).toMatchObject({
        kind: 'ConfigMap',
        apiVersion: 'v1',
        metadata: { name: 'created', namespace: 'objects' },
        data: { a: '1' },
      });
      expect(shown(created).metadata.uid).toMatch(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
      expect(shown(created).metadata.resourceVersion).toMatch(/^\d+$/);
      expect(created.json).toHaveProperty(
        'metadata.creationTimestamp',
        expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      );
      const read = await world().admin.get(`${maps}/created`);
      expect(read.json).toEqual(created.json);
    });

    it('refuses a second object of the same name', async () => {
      await world().admin.post(maps, configMap('twice'));
      const second = await world().admin.post(maps, configMap('twice'));
      expect(second.status).toBe(409);
      expect(second.json).toEqual({
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'configmaps "twice" already exists',
        reason: 'AlreadyExists',
        details: { name: 'twice', kind: 'configmaps' },
        code: 409,
      });
    });

    it('says which object is not found', async () => {
      const missing = await world().admin.get(`${maps}/missing`);
      expect(missing.status).toBe(404);
      expect(missing.json).toMatchObject({
        reason: 'NotFound',
        message: 'configmaps "missing" not found',
        details: { name: 'missing', kind: 'configmaps' },
      });
      const grouped = await world().admin.get(`${apps}/missing`);
      expect(grouped.json).toMatchObject({
        message: 'deployments.apps "missing" not found',
        details: { name: 'missing', group: 'apps', kind: 'deployments' },
      });
    });

    it('answers paths that nothing serves with a 404', async () => {
      expect((await world().admin.get('/apis/nothing.example.com/v1/things')).status).toBe(404);
      expect((await world().admin.get('/nothing')).status).toBe(404);
    });

    it('refuses to create in a namespace that does not exist', async () => {
      const refused = await world().admin.post('/api/v1/namespaces/nowhere/configmaps', configMap('a'));
      expect(refused.status).toBe(404);
      expect(messageOf(refused)).toBe('namespaces "nowhere" not found');
    });

    it('names the field of an invalid object', async () => {
      const invalid = await world().admin.post(maps, configMap('Bad_Name'));
      expect(invalid.status).toBe(422);
      expect(invalid.json).toMatchObject({
        reason: 'Invalid',
        details: { name: 'Bad_Name', kind: 'ConfigMap', causes: [{ field: 'metadata.name' }] },
      });
      expect(messageOf(invalid)).toMatch(
        /^ConfigMap "Bad_Name" is invalid: metadata\.name: Invalid value: "Bad_Name": /,
      );
      const broken = deployment('broken');
      broken.spec.template.metadata.labels.app = 'other';
      const mismatch = await world().admin.post(apps, broken);
      expect(mismatch.status).toBe(422);
      expect(messageOf(mismatch)).toContain('Deployment.apps "broken" is invalid');
      expect(messageOf(mismatch)).toContain('`selector` does not match template `labels`');
    });

    it('refuses bodies that do not fit their URL or type', async () => {
      const elsewhere = await world().admin.post(maps, configMap('a', {}, { namespace: 'default' }));
      expect(elsewhere.status).toBe(400);
      await world().admin.post(maps, configMap('named'));
      expect((await world().admin.put(`${maps}/named`, configMap('other'))).status).toBe(400);
      expect((await world().admin.call('POST', maps, { body: '{"metadata":' })).status).toBe(400);
      const numbers = { ...configMap('numbers'), data: { a: 1 } };
      expect((await world().admin.post(maps, numbers)).status).toBe(400);
    });

    it('makes names from generateName', async () => {
      const made = await world().admin.post(maps, { metadata: { generateName: 'made-' } });
      expect(made.status).toBe(201);
      expect(shown(made).metadata.name).toMatch(/^made-[a-z0-9]{5}$/);
    });

    it('moves the version on a change and keeps it when nothing changes', async () => {
      const first = await world().admin.post(maps, configMap('moving', { a: '1' }));
      const changed = await world().admin.put(`${maps}/moving`, configMap('moving', { a: '2' }));
      expect(changed.status).toBe(200);
      expect(Number(shown(changed).metadata.resourceVersion)).toBeGreaterThan(
        Number(shown(first).metadata.resourceVersion),
      );
      expect(shown(changed).metadata.uid).toBe(shown(first).metadata.uid);
      const same = await world().admin.put(`${maps}/moving`, configMap('moving', { a: '2' }));
      expect(shown(same).metadata.resourceVersion).toBe(shown(changed).metadata.resourceVersion);
    });

    it('refuses an update that was made from an old version', async () => {
      const first = await world().admin.post(maps, configMap('contested', { a: '1' }));
      const { resourceVersion } = shown(first).metadata;
      await world().admin.put(`${maps}/contested`, configMap('contested', { a: '2' }));
      const stale = await world().admin.put(
        `${maps}/contested`,
        configMap('contested', { a: '3' }, { resourceVersion }),
      );
      expect(stale.status).toBe(409);
      expect(stale.json).toMatchObject({
        reason: 'Conflict',
        message:
          'Operation cannot be fulfilled on configmaps "contested": the object has been modified; please apply your changes to the latest version and try again',
        details: { name: 'contested', kind: 'configmaps' },
      });
    });

    it('deletes with a Status that names what is gone, if the preconditions hold', async () => {
      const created = await world().admin.post(maps, configMap('doomed'));
      const { uid } = shown(created).metadata;
      const wrong = await world().admin.delete(`${maps}/doomed`, { preconditions: { uid: 'another' } });
      expect(wrong.status).toBe(409);
      const deleted = await world().admin.delete(`${maps}/doomed`);
      expect(deleted.status).toBe(200);
      expect(deleted.json).toMatchObject({
        kind: 'Status',
        status: 'Success',
        details: { name: 'doomed', kind: 'configmaps', uid },
      });
      expect((await world().admin.delete(`${maps}/doomed`)).status).toBe(404);
    });

    it('keeps an object until its last finalizer is gone', async () => {
      await world().admin.post(maps, configMap('held', {}, { finalizers: ['example.com/hold'] }));
      const deleted = await world().admin.delete(`${maps}/held`);
      expect(deleted.status).toBe(200);
      const waiting = await world().admin.get(`${maps}/held`);
      expect(waiting.json).toHaveProperty('metadata.deletionTimestamp');
      const released = await world().admin.patch(`${maps}/held`, 'merge-patch', {
        metadata: { finalizers: null },
      });
      expect(released.status).toBe(200);
      expect((await world().admin.get(`${maps}/held`)).status).toBe(404);
    });

    it('does everything but write on a dry run', async () => {
      const dry = await world().admin.post(`${maps}?dryRun=All`, configMap('dry', { a: '1' }));
      expect(dry.status).toBe(201);
      expect((await world().admin.get(`${maps}/dry`)).status).toBe(404);
      await world().admin.post(maps, configMap('wet', { a: '1' }));
      const patched = await world().admin.patch(`${maps}/wet?dryRun=All`, 'merge-patch', {
        data: { a: '2' },
      });
      expect(shown(patched).data).toEqual({ a: '2' });
      expect((await world().admin.delete(`${maps}/wet?dryRun=All`)).status).toBe(200);
      expect(shown(await world().admin.get(`${maps}/wet`)).data).toEqual({ a: '1' });
    });

    it('patches by JSON patch, merge patch and strategic merge patch', async () => {
      const { admin } = world();
      await admin.post(apps, deployment('patched'));
      const path = `${apps}/patched`;
      const json = await admin.patch(path, 'json-patch', [
        { op: 'test', path: '/metadata/name', value: 'patched' },
        { op: 'add', path: '/metadata/labels', value: { a: '1' } },
      ]);
      expect(json.json).toMatchObject({ metadata: { labels: { a: '1' } } });
      const failed = await admin.patch(path, 'json-patch', [
        { op: 'test', path: '/metadata/name', value: 'x' },
      ]);
      expect(failed.status).toBe(422);
      const merged = await admin.patch(path, 'merge-patch', { metadata: { labels: { a: null, b: '2' } } });
      expect(merged.json).toHaveProperty('metadata.labels', { b: '2' });
      const containers = [
        { name: 'sidecar', image: 'side:1' },
        { name: 'web', env: [{ name: 'B', value: '2' }] },
      ];
      const strategic = await admin.patch(path, 'strategic-merge-patch', {
        spec: { template: { spec: { containers } } },
      });
      expect(strategic.status).toBe(200);
      const at = 'spec.template.spec.containers';
      const web = { name: 'web', image: 'web:1' };
      expect(strategic.json).toHaveProperty(at, expect.arrayContaining([expect.objectContaining(web)]));
      const envs = strategic.text.match(/"env":\[[^\]]*\]/)?.[0] ?? '';
      expect([envs.includes('"A"'), envs.includes('"B"')]).toEqual([true, true]);
      const without = await admin.patch(path, 'strategic-merge-patch', {
        spec: { template: { spec: { containers: [{ name: 'sidecar', $patch: 'delete' }] } } },
      });
      expect(without.json).toHaveProperty(at, [expect.objectContaining({ name: 'web' })]);
    });

    it('counts generations of the wish and keeps the status apart', async () => {
      const { admin } = world();
      const created = await admin.post(apps, { ...deployment('counted'), status: { replicas: 9 } });
      expect(shown(created).metadata.generation).toBe(1);
      expect(created.json).not.toHaveProperty('status.replicas');
      const path = `${apps}/counted`;
      const labelled = await admin.patch(path, 'merge-patch', { metadata: { labels: { a: '1' } } });
      expect(shown(labelled).metadata.generation).toBe(1);
      const paused = await admin.patch(path, 'merge-patch', {
        spec: { paused: true },
        status: { replicas: 9 },
      });
      expect(shown(paused).metadata.generation).toBe(2);
      expect(paused.json).not.toHaveProperty('status.replicas');
      const told = await admin.patch(`${path}/status`, 'merge-patch', {
        status: { collisionCount: 3 },
        spec: { paused: false },
      });
      expect(told.json).toMatchObject({ metadata: { generation: 2 }, spec: { paused: true } });
    });

    it('scales through the scale subresource', async () => {
      const { admin } = world();
      await admin.post(apps, deployment('scaled'));
      const scale = await admin.get(`${apps}/scaled/scale`);
      expect(scale.json).toMatchObject({
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name: 'scaled' },
      });
      const patched = await admin.patch(`${apps}/scaled/scale`, 'merge-patch', { spec: { replicas: 1 } });
      expect(patched.json).toMatchObject({ kind: 'Scale', spec: { replicas: 1 } });
      expect((await admin.get(`${apps}/scaled`)).json).toMatchObject({ spec: { replicas: 1 } });
    });

    it('does not let a selector change', async () => {
      await world().admin.post(apps, deployment('fixed'));
      const moved = deployment('fixed');
      moved.spec.selector.matchLabels.app = 'moved';
      moved.spec.template.metadata.labels.app = 'moved';
      const refused = await world().admin.put(`${apps}/fixed`, moved);
      expect(refused.status).toBe(422);
      expect(messageOf(refused)).toContain('field is immutable');
    });

    it('turns stringData of secrets into data', async () => {
      const body = { metadata: { name: 'secret' }, stringData: { password: 'swordfish' } };
      const created = await world().admin.post(`${core}/secrets`, body);
      expect(created.json).toMatchObject({ type: 'Opaque', data: { password: 'c3dvcmRmaXNo' } });
      expect(created.json).not.toHaveProperty('stringData');
    });

    it('lists what labels and fields select', async () => {
      const { admin } = world();
      const selected = (query: string) =>
        admin.get(`${maps}?${new URLSearchParams(query).toString()}`).then(namesOf);
      await admin.post(maps, configMap('s1', {}, { labels: { set: 'sel', tier: 'front' } }));
      await admin.post(maps, configMap('s2', {}, { labels: { set: 'sel', tier: 'back' } }));
      await admin.post(maps, configMap('s3', {}, { labels: { set: 'sel' } }));
      expect(await selected('labelSelector=set=sel')).toEqual(['s1', 's2', 's3']);
      expect(await selected('labelSelector=set=sel,tier')).toEqual(['s1', 's2']);
      expect(await selected('labelSelector=set=sel,!tier')).toEqual(['s3']);
      expect(await selected('labelSelector=set=sel,tier!=back')).toEqual(['s1', 's3']);
      expect(await selected('labelSelector=set=sel,tier in (front, middle)')).toEqual(['s1']);
      expect(await selected('labelSelector=set=sel,tier notin (front)')).toEqual(['s2', 's3']);
      expect(await selected('fieldSelector=metadata.name=s2')).toEqual(['s2']);
      const unknown = await admin.get(`${maps}?fieldSelector=data.a%3D1`);
      expect(unknown.status).toBe(400);
      expect(messageOf(unknown)).toContain('"data.a" is not a known field selector');
      const pods = await admin.get(`${core}/pods?fieldSelector=spec.nothing%3D1`);
      expect(pods.status).toBe(400);
      expect(messageOf(pods)).toContain('field label not supported: spec.nothing');
    });

    it('pages through a list as it was when the first page was made', async () => {
      const { admin } = world();
      const pages = `${await freshNamespace(admin, 'pages')}/configmaps`;
      for (const name of ['p1', 'p2', 'p3', 'p4', 'p5']) await admin.post(pages, configMap(name));
      const first = await admin.get(`${pages}?limit=2`);
      expect(namesOf(first)).toEqual(['p1', 'p2']);
      expect(first.json).toHaveProperty('metadata.remainingItemCount', 3);
      await admin.delete(`${pages}/p3`);
      await admin.post(pages, configMap('p35'));
      const token = encodeURIComponent(shown(first).metadata.continue ?? '');
      const second = await admin.get(`${pages}?limit=2&continue=${token}`);
      expect(namesOf(second)).toEqual(['p3', 'p4']);
      expect(second.json).toHaveProperty('metadata.resourceVersion', shown(first).metadata.resourceVersion);
      const rest = encodeURIComponent(shown(second).metadata.continue ?? '');
      const third = await admin.get(`${pages}?limit=2&continue=${rest}`);
      expect(namesOf(third)).toEqual(['p5']);
      expect(shown(third).metadata.continue ?? '').toBe('');
      expect((await admin.get(`${pages}?limit=2&continue=nonsense`)).status).toBe(400);
    });

    it('deletes a selection at once', async () => {
      const { admin } = world();
      for (const name of ['d1', 'd2'])
        await admin.post(maps, configMap(name, {}, { labels: { batch: 'x' } }));
      const deleted = await admin.delete(`${maps}?labelSelector=batch%3Dx`);
      expect(deleted.status).toBe(200);
      expect(namesOf(deleted)).toEqual(['d1', 'd2']);
      expect(namesOf(await admin.get(`${maps}?labelSelector=batch%3Dx`))).toEqual([]);
    });
  });
}
