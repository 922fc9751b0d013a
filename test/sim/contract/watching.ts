/** The contract of watches and of the forms answers may have. */
import { beforeAll, describe, expect, it } from 'vitest';
import { configMap, freshNamespace, shown, type World } from './world.ts';

const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

export function watchingContract(world: () => World): void {
  describe('watches', () => {
    let maps = '';
    beforeAll(async () => {
      maps = `${await freshNamespace(world().admin, 'watching')}/configmaps`;
    });
    const version = async () => shown(await world().admin.get(maps)).metadata.resourceVersion;

    it('tells every change after a version, in order', async () => {
      const { admin } = world();
      const from = await version();
      await admin.post(maps, configMap('w1', { a: '1' }));
      const watch = await admin.watch(`${maps}?watch=true&resourceVersion=${from}`);
      expect(watch.status).toBe(200);
      expect(await watch.names(1)).toEqual(['ADDED w1']);
      await admin.put(`${maps}/w1`, configMap('w1', { a: '2' }));
      await admin.post(maps, configMap('w2'));
      const deleted = await admin.delete(`${maps}/w1`);
      expect(deleted.status).toBe(200);
      expect(await watch.names(3)).toEqual(['MODIFIED w1', 'ADDED w2', 'DELETED w1']);
      await watch.close();
    });

    it('starts with what exists when no version is given', async () => {
      const { admin } = world();
      for (const name of ['e1', 'e2'])
        await admin.post(maps, configMap(name, {}, { labels: { w: 'existing' } }));
      const watch = await admin.watch(`${maps}?watch=1&labelSelector=w%3Dexisting`);
      expect([...(await watch.names(2))].sort()).toEqual(['ADDED e1', 'ADDED e2']);
      await watch.close();
    });

    it('shows an object that enters a selection as added and one that leaves it as deleted', async () => {
      const { admin } = world();
      const from = await version();
      const watch = await admin.watch(`${maps}?watch=true&resourceVersion=${from}&labelSelector=w%3Din`);
      await admin.post(maps, configMap('mover'));
      await admin.patch(`${maps}/mover`, 'merge-patch', { metadata: { labels: { w: 'in' } } });
      await admin.patch(`${maps}/mover`, 'merge-patch', { data: { a: '1' } });
      const left = await admin.patch(`${maps}/mover`, 'merge-patch', { metadata: { labels: { w: 'out' } } });
      expect(await watch.names(2)).toEqual(['ADDED mover', 'MODIFIED mover']);
      const last = await watch.next();
      expect(last?.type).toBe('DELETED');
      expect(last?.object).toMatchObject({
        metadata: { labels: { w: 'in' }, resourceVersion: shown(left).metadata.resourceVersion },
      });
      await watch.close();
    });

    it('ends after the asked time', async () => {
      const { admin } = world();
      const watch = await admin.watch(
        `${maps}?watch=true&resourceVersion=${await version()}&timeoutSeconds=1`,
      );
      expect(await watch.next()).toBeUndefined();
    });

    it('watches one object by name', async () => {
      const { admin } = world();
      const from = await version();
      const watch = await admin.watch(
        `${maps}?watch=true&resourceVersion=${from}&fieldSelector=metadata.name%3Dthis`,
      );
      await admin.post(maps, configMap('that'));
      await admin.post(maps, configMap('this'));
      expect(await watch.names(1)).toEqual(['ADDED this']);
      await watch.close();
    });
  });

  describe('representations', () => {
    let core = '';
    beforeAll(async () => {
      core = await freshNamespace(world().admin, 'shown');
      await world().admin.post(`${core}/configmaps`, configMap('c1', { a: '1', b: '2' }));
      const spec = { containers: [{ name: 'a', image: 'a:1' }] };
      await world().admin.post(`${core}/pods`, { metadata: { name: 'p1' }, spec });
    });

    it('shows lists as tables', async () => {
      const maps = await world().admin.get(`${core}/configmaps`, { accept: tableType });
      expect(maps.json).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' });
      const { columnDefinitions, rows } = maps.json as {
        columnDefinitions: { name: string }[];
        rows: object[];
      };
      expect(columnDefinitions.map((column) => column.name)).toEqual(['Name', 'Data', 'Age']);
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatchObject({
        cells: ['c1', expect.anything(), expect.stringMatching(/^\d+s$/)],
        object: { kind: 'PartialObjectMetadata', metadata: { name: 'c1', namespace: 'shown' } },
      });
      expect(rows[0]).not.toHaveProperty('object.data');
      const pods = await world().admin.get(`${core}/pods?includeObject=Object`, { accept: tableType });
      const table = pods.json as { columnDefinitions: { name: string; priority: number }[] };
      const plain = table.columnDefinitions
        .filter((column) => column.priority === 0)
        .map((column) => column.name);
      expect(plain).toEqual(['Name', 'Ready', 'Status', 'Restarts', 'Age']);
      expect(pods.json).toMatchObject({ rows: [{ object: { kind: 'Pod', spec: {} } }] });
    });

    it('shows watches as tables, the head once', async () => {
      const { admin } = world();
      const watch = await admin.watch(`${core}/configmaps?watch=true`, { accept: tableType });
      const first = await watch.next();
      expect(first).toMatchObject({ type: 'ADDED', object: { kind: 'Table', rows: [{}] } });
      expect(first?.object).toHaveProperty(
        'columnDefinitions',
        expect.arrayContaining([expect.objectContaining({ name: 'Data' })]),
      );
      await admin.patch(`${core}/configmaps/c1`, 'merge-patch', { data: { c: '3' } });
      expect(await watch.next()).toMatchObject({
        type: 'MODIFIED',
        object: { columnDefinitions: null, rows: [{}] },
      });
      await watch.close();
    });

    it('shows metadata alone', async () => {
      const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
      const list = await world().admin.get(`${core}/configmaps`, { accept });
      expect(list.json).toMatchObject({
        kind: 'PartialObjectMetadataList',
        items: [{ metadata: { name: 'c1' } }],
      });
      expect(list.json).not.toHaveProperty('items.0.data');
    });

    it('says which kinds there are', async () => {
      const apps = await world().admin.get('/apis/apps/v1');
      expect(apps.json).toMatchObject({
        kind: 'APIResourceList',
        groupVersion: 'apps/v1',
        resources: expect.arrayContaining([
          expect.objectContaining({
            name: 'deployments',
            kind: 'Deployment',
            namespaced: true,
            shortNames: ['deploy'],
          }),
          expect.objectContaining({
            name: 'deployments/scale',
            kind: 'Scale',
            group: 'autoscaling',
            version: 'v1',
          }),
        ]) as unknown,
      });
      const groups = await world().admin.get('/apis');
      expect(groups.json).toMatchObject({
        kind: 'APIGroupList',
        groups: expect.arrayContaining([expect.objectContaining({ name: 'apps' })]) as unknown,
      });
      expect((await world().admin.get('/api')).json).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
      expect((await world().admin.get('/version')).json).toMatchObject({ major: '1' });
      expect((await world().admin.get('/readyz')).text).toBe('ok');
    });
  });
}
