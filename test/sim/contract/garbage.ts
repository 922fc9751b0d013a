/** The contract of controllers, where a cluster has them: what goes because something else did, and when. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { configMap, deployment, freshNamespace, namesOf, shown, type World } from './world.ts';

const waitMs = 60_000;

export function garbageContract(world: () => World): void {
  describe('what belongs to others', { timeout: waitMs * 2 }, () => {
    let core = '';
    let maps = '';
    beforeAll(async () => {
      core = await freshNamespace(world().admin, 'garbage');
      maps = `${core}/configmaps`;
    });
    beforeEach((context) => {
      context.skip(!world().cluster.controllers, 'no controllers run in this cluster');
    });

    /** Makes an object and answers how others refer to it as their owner. */
    const owner = async (name: string, blockOwnerDeletion = true) => {
      const { uid } = shown(await world().admin.post(maps, configMap(name))).metadata;
      return { apiVersion: 'v1', kind: 'ConfigMap', name, uid, blockOwnerDeletion };
    };
    const owned = (name: string, ownerReferences: readonly object[], more: object = {}) =>
      world().admin.post(maps, configMap(name, {}, { ownerReferences, ...more }));
    const remove = (name: string, propagationPolicy: string) =>
      world().admin.delete(`${maps}/${name}`, { propagationPolicy });
    const stateOf = async (path: string) => {
      const answer = await world().admin.get(path);
      if (answer.status === 404) return 'gone';
      const { metadata } = answer.json as {
        metadata: { deletionTimestamp?: string; ownerReferences?: readonly { name: string }[] };
      };
      const owners = (metadata.ownerReferences ?? []).map(({ name }) => name).join('+');
      return metadata.deletionTimestamp === undefined ? `of ${owners || 'nobody'}` : 'dying';
    };
    const becomes = (name: string, state: string) =>
      expect.poll(() => stateOf(`${maps}/${name}`), { timeout: waitMs }).toBe(state);

    it('goes after its owner in the background', async () => {
      await owned('a-child', [await owner('a')]);
      await remove('a', 'Background');
      expect(await stateOf(`${maps}/a`)).toBe('gone');
      await becomes('a-child', 'gone');
    });

    it('goes before its owner in the foreground, which waits for those only that hold it back', async () => {
      const reference = await owner('b');
      const held = { finalizers: ['example.com/hold'] };
      await owned('b-needed', [reference], held);
      await owned('b-loose', [{ ...reference, blockOwnerDeletion: false }], held);
      await remove('b', 'Foreground');
      await becomes('b-needed', 'dying');
      await becomes('b-loose', 'dying');
      expect(await stateOf(`${maps}/b`)).toBe('dying');
      const released = { metadata: { finalizers: null } };
      await world().admin.patch(`${maps}/b-needed`, 'merge-patch', released);
      await becomes('b-needed', 'gone');
      await becomes('b', 'gone');
      expect(await stateOf(`${maps}/b-loose`)).toBe('dying');
      await world().admin.patch(`${maps}/b-loose`, 'merge-patch', released);
      await becomes('b-loose', 'gone');
    });

    it('is owned by nobody when its owner leaves orphans', async () => {
      await owned('c-child', [await owner('c')]);
      await remove('c', 'Orphan');
      await becomes('c-child', 'of nobody');
      await becomes('c', 'gone');
    });

    it.each(['Background', 'Foreground'])(
      'stays with its other owner when one is deleted in the %s',
      async (propagation) => {
        const names = ['one', 'other'].map((name) => `${name}-${propagation.toLowerCase()}`);
        const [one = '', other = ''] = names;
        await owned(`child-${one}`, [await owner(one), await owner(other)]);
        await remove(one, propagation);
        await becomes(one, 'gone');
        await becomes(`child-${one}`, `of ${other}`);
      },
    );

    it('is the ReplicaSet of a Deployment, made and taken away with it', async () => {
      const apps = '/apis/apps/v1/namespaces/garbage';
      const sets = async () => namesOf(await world().admin.get(`${apps}/replicasets`));
      expect((await world().admin.post(`${apps}/deployments`, deployment('web'))).status).toBe(201);
      await expect.poll(sets, { timeout: waitMs }).toEqual([expect.stringMatching(/^web-/)]);
      await world().admin.delete(`${apps}/deployments/web`, { propagationPolicy: 'Background' });
      await expect.poll(sets, { timeout: waitMs }).toEqual([]);
    });

    it('is what a namespace holds: it is emptied, lets nothing new in, and ends', async () => {
      const space = await freshNamespace(world().admin, 'ending');
      const held = { finalizers: ['example.com/hold'] };
      await world().admin.post(`${space}/configmaps`, configMap('plain'));
      await world().admin.post(`${space}/configmaps`, configMap('held', {}, held));
      expect((await world().admin.delete(space)).json).toMatchObject({ status: { phase: 'Terminating' } });
      await expect.poll(() => stateOf(`${space}/configmaps/plain`), { timeout: waitMs }).toBe('gone');
      await expect.poll(() => stateOf(`${space}/configmaps/held`), { timeout: waitMs }).toBe('dying');
      expect((await world().admin.post(`${space}/configmaps`, configMap('late'))).status).toBe(403);
      expect(await stateOf(space)).toBe('dying');
      const released = { metadata: { finalizers: null } };
      await world().admin.patch(`${space}/configmaps/held`, 'merge-patch', released);
      await expect.poll(() => stateOf(space), { timeout: waitMs }).toBe('gone');
    });
  });
}
