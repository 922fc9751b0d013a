/** The contract of authentication, authorization and impersonation. */
import { beforeAll, describe, expect, it } from 'vitest';
import { configMap, freshNamespace, messageOf, type World } from './world.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const group = 'rbac.authorization.k8s.io';

export function accessContract(world: () => World): void {
  describe('access', () => {
    let core = '';
    beforeAll(async () => {
      const { admin } = world();
      core = await freshNamespace(admin, 'access');
      await admin.post(`${core}/configmaps`, configMap('open', { a: '1' }));
      await admin.post(`${core}/configmaps`, configMap('closed', { a: '1' }));
      const roles = `${rbac}/namespaces/access`;
      const rules = [
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
        { apiGroups: [''], resources: ['configmaps'], resourceNames: ['open'], verbs: ['get'] },
      ];
      const bind = (kind: string, name: string, subject: object) => ({
        metadata: { name },
        roleRef: { apiGroup: group, kind, name },
        subjects: [subject],
      });
      const created = [
        await admin.post(`${roles}/roles`, { metadata: { name: 'reader' }, rules }),
        await admin.post(
          `${roles}/rolebindings`,
          bind('Role', 'reader', { kind: 'Group', apiGroup: group, name: 'developers' }),
        ),
        await admin.post(`${rbac}/clusterroles`, {
          metadata: { name: 'acting' },
          rules: [
            { apiGroups: [''], resources: ['users', 'serviceaccounts'], verbs: ['impersonate'] },
            { apiGroups: [''], resources: ['groups'], resourceNames: ['developers'], verbs: ['impersonate'] },
            { apiGroups: ['authentication.k8s.io'], resources: ['userextras/agent'], verbs: ['impersonate'] },
          ],
        }),
        await admin.post(
          `${rbac}/clusterrolebindings`,
          bind('ClusterRole', 'acting', { kind: 'User', apiGroup: group, name: 'agentk' }),
        ),
      ];
      expect(created.map((answer) => answer.status)).toEqual([201, 201, 201, 201]);
    });

    it('refuses strangers', async () => {
      const refused = await world().stranger.get(`${core}/pods`);
      expect(refused.status).toBe(401);
      expect(refused.json).toMatchObject({
        kind: 'Status',
        reason: 'Unauthorized',
        message: 'Unauthorized',
        code: 401,
      });
    });

    it('says who may not do what where', async () => {
      const { mallory } = world();
      const listed = await mallory.get('/api/v1/namespaces/default/pods');
      expect(listed.status).toBe(403);
      expect(listed.json).toMatchObject({
        kind: 'Status',
        status: 'Failure',
        reason: 'Forbidden',
        message:
          'pods is forbidden: User "mallory" cannot list resource "pods" in API group "" in the namespace "default"',
        details: { kind: 'pods' },
      });
      const named = await mallory.get('/apis/apps/v1/namespaces/default/deployments/web');
      expect(messageOf(named)).toBe(
        'deployments.apps "web" is forbidden: User "mallory" cannot get resource "deployments" in API group "apps" in the namespace "default"',
      );
      expect(messageOf(await mallory.get('/api/v1/nodes'))).toBe(
        'nodes is forbidden: User "mallory" cannot list resource "nodes" in API group "" at the cluster scope',
      );
      expect(messageOf(await mallory.get('/api/v1/namespaces/access'))).toBe(
        'namespaces "access" is forbidden: User "mallory" cannot get resource "namespaces" in API group "" in the namespace "access"',
      );
      expect(messageOf(await mallory.get(`${core}/pods/p/log`))).toBe(
        'pods "p" is forbidden: User "mallory" cannot get resource "pods/log" in API group "" in the namespace "access"',
      );
      expect(messageOf(await mallory.get('/metrics'))).toBe(
        'forbidden: User "mallory" cannot get path "/metrics"',
      );
      expect(messageOf(await mallory.get(`${core}/configmaps?watch=true`))).toBe(
        'configmaps is forbidden: User "mallory" cannot watch resource "configmaps" in API group "" in the namespace "access"',
      );
    });

    it('allows what a role of the namespace grants, and no more', async () => {
      const { jane } = world();
      expect((await jane.get(`${core}/pods`)).status).toBe(200);
      expect((await jane.get('/api/v1/namespaces/default/pods')).status).toBe(403);
      expect((await jane.delete(`${core}/pods/p`)).status).toBe(403);
      expect((await jane.get(`${core}/configmaps/open`)).status).toBe(200);
      expect((await jane.get(`${core}/configmaps/closed`)).status).toBe(403);
      expect((await jane.get(`${core}/configmaps`)).status).toBe(403);
    });

    it('lets everybody who is known discover the kinds', async () => {
      const { mallory } = world();
      for (const path of ['/api', '/apis', '/apis/apps/v1', '/openapi/v2', '/version']) {
        expect([path, (await mallory.get(path)).status]).toEqual([path, 200]);
      }
    });

    it('answers reviews of one’s own access', async () => {
      const ask = (verb: string) =>
        world().jane.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
          spec: { resourceAttributes: { namespace: 'access', verb, resource: 'pods' } },
        });
      const may = await ask('list');
      expect(may.status).toBe(201);
      expect(may.json).toMatchObject({ kind: 'SelfSubjectAccessReview', status: { allowed: true } });
      expect((await ask('delete')).json).toMatchObject({ status: { allowed: false } });
    });

    it('lets a caller with the right act as somebody else', async () => {
      const { admin, agent } = world();
      const asJane = { 'impersonate-user': 'jane', 'impersonate-group': 'developers' };
      expect((await agent.get(`${core}/pods`)).status).toBe(403);
      expect((await agent.get(`${core}/pods`, asJane)).status).toBe(200);
      expect((await admin.get(`${core}/pods`, asJane)).status).toBe(200);
      const refused = await admin.get(`${core}/secrets`, asJane);
      expect(messageOf(refused)).toBe(
        'secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "access"',
      );
      const extra = { ...asJane, 'impersonate-extra-agent': '42' };
      expect((await agent.get(`${core}/pods`, extra)).status).toBe(200);
      const account = { 'impersonate-user': 'system:serviceaccount:access:robot' };
      expect(messageOf(await agent.get(`${core}/pods`, account))).toContain(
        'User "system:serviceaccount:access:robot" cannot list resource "pods"',
      );
    });

    it('refuses impersonation without the right to it', async () => {
      const { jane, agent } = world();
      expect(messageOf(await jane.get(`${core}/pods`, { 'impersonate-user': 'admin' }))).toBe(
        'users "admin" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope',
      );
      const masters = { 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' };
      expect(messageOf(await agent.get(`${core}/pods`, masters))).toBe(
        'groups "system:masters" is forbidden: User "agentk" cannot impersonate resource "groups" in API group "" at the cluster scope',
      );
      const extra = { 'impersonate-user': 'jane', 'impersonate-extra-other': 'x' };
      expect(messageOf(await agent.get(`${core}/pods`, extra))).toBe(
        'userextras.authentication.k8s.io "x" is forbidden: User "agentk" cannot impersonate resource "userextras/other" in API group "authentication.k8s.io" at the cluster scope',
      );
      expect((await agent.get(`${core}/pods`, { 'impersonate-group': 'developers' })).status).toBe(500);
    });
  });
}
