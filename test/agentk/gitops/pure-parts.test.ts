/** The decisions of a synchronisation, without a cluster: keys, ownership, order, what the inventory keeps, the guard. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDetached, parseDependsOn } from '../../../src/agentk/gitops/annotations.ts';
import { inventoryData } from '../../../src/agentk/gitops/inventory.ts';
import { inventoryKey, parseInventoryKey, type ObjectId } from '../../../src/agentk/gitops/object-id.ts';
import { permissionFor } from '../../../src/agentk/gitops/ownership.ts';
import { planRun, type Planned } from '../../../src/agentk/gitops/plan.ts';
import { heldBack } from '../../../src/agentk/gitops/prune-guard.ts';
import { finalInventory, RunRecord } from '../../../src/agentk/gitops/run-record.ts';

describe('keys of the inventory', () => {
  const rbac = 'rbac.authorization.k8s.io';
  const vectors: readonly (readonly [string, ObjectId])[] = [
    ['_my-ns__Namespace', { group: '', kind: 'Namespace', namespace: '', name: 'my-ns' }],
    ['default_cfg__ConfigMap', { group: '', kind: 'ConfigMap', namespace: 'default', name: 'cfg' }],
    ['shop_web_apps_Deployment', { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' }],
    [
      `_system__a__b_${rbac}_ClusterRole`,
      { group: rbac, kind: 'ClusterRole', namespace: '', name: 'system:a:b' },
    ],
  ];
  test.each(vectors)('%s', (key, id) => {
    expect(inventoryKey(id)).toBe(key);
    expect(parseInventoryKey(key)).toEqual(id);
  });

  test.each(['', 'a', 'a_b', 'a_b_c', 'ns_na_me__ConfigMap', 'ns___ConfigMap', 'ns_name__'])(
    '%j names no object',
    (key) => expect(parseInventoryKey(key)).toBeUndefined(),
  );

  test('are read back as what they were written from, for every name Kubernetes allows', () => {
    const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?$/);
    const id = fc.record({
      group: fc.oneof(fc.constant(''), fc.constant('apps'), fc.constant(rbac)),
      kind: fc.constantFrom('Role', 'ConfigMap', 'Widget'),
      namespace: fc.oneof(fc.constant(''), label),
      name: fc.array(label, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.')),
    });
    fc.assert(
      fc.property(id, (each) => {
        expect(parseInventoryKey(inventoryKey(each))).toEqual(each);
      }),
    );
  });

  test('that no ConfigMap takes are refused with the reason', () => {
    expect(inventoryData(['a'.repeat(254)])).toContain('at most 253');
    expect(inventoryData(['a/b'])).toContain('letters, digits');
    const many = Array.from({ length: 6_000 }, (_, index) => `${index}`.padStart(200, 'a'));
    expect(inventoryData(many)).toContain('share the objects out');
    expect(inventoryData(['b', 'a'])).toEqual({ a: '', b: '' });
  });
});

describe('ownership', () => {
  const own = { 'config.k8s.io/owning-inventory': 'mine' };
  const other = { 'config.k8s.io/owning-inventory': 'other' };
  test.each([
    ['must_match', own, undefined],
    ['must_match', {}, 'Empty'],
    ['must_match', undefined, 'Empty'],
    ['must_match', other, 'NoMatch'],
    ['adopt_if_no_inventory', own, undefined],
    ['adopt_if_no_inventory', {}, undefined],
    ['adopt_if_no_inventory', other, 'NoMatch'],
    ['adopt_all', own, undefined],
    ['adopt_all', {}, undefined],
    ['adopt_all', other, undefined],
  ] as const)('%s, %j: forbidden because %s', (policy, annotations, status) => {
    const permission = permissionFor('Apply', policy, annotations, 'mine');
    if (status === undefined) expect(permission).toEqual({ kind: 'allowed' });
    else {
      expect(permission.kind === 'foreign' && permission.reason).toMatch(
        new RegExp(`^inventory policy prevented actuation \\(strategy: Apply, status: ${status}, policy: `),
      );
    }
  });

  test.each([
    [{ 'client.lifecycle.config.k8s.io/deletion': 'detach' }, true],
    [{ 'cli-utils.sigs.k8s.io/on-remove': 'keep' }, true],
    [{ 'client.lifecycle.config.k8s.io/deletion': 'delete', 'cli-utils.sigs.k8s.io/on-remove': 'x' }, false],
    [undefined, false],
  ])('%j detaches: %s', (annotations, detached) => expect(isDetached(annotations)).toBe(detached));
});

describe('depends-on', () => {
  test.each([
    [
      'apps/namespaces/a/Deployment/web',
      [{ group: 'apps', kind: 'Deployment', namespace: 'a', name: 'web' }],
    ],
    [
      ' /Namespace/a , /namespaces/a/ConfigMap/c ',
      [
        { group: '', kind: 'Namespace', namespace: '', name: 'a' },
        { group: '', kind: 'ConfigMap', namespace: 'a', name: 'c' },
      ],
    ],
  ])('%j', (text, ids) => expect(parseDependsOn(text)).toEqual({ kind: 'dependencies', ids }));

  test.each(['', 'a', 'a/b', 'a/b/c/d', 'apps/spaces/a/Deployment/web', '/A/a,/A/a', '/A/a,', 'a/b/c/d/e/f'])(
    '%j is refused',
    (text) => expect(parseDependsOn(text).kind).toBe('invalid'),
  );
});

function planned(
  kind: string,
  name: string,
  more: { needs?: string; namespace?: string; spec?: object } = {},
): Planned {
  const groups: Readonly<Record<string, string>> = {
    Deployment: 'apps',
    CustomResourceDefinition: 'apiextensions.k8s.io',
    Widget: 'example.com',
    ValidatingWebhookConfiguration: 'admissionregistration.k8s.io',
  };
  const id = { group: groups[kind] ?? '', kind, namespace: more.namespace ?? '', name };
  const annotations = more.needs === undefined ? {} : { 'config.kubernetes.io/depends-on': more.needs };
  const object = {
    apiVersion: 'v1',
    kind,
    metadata: { name, annotations },
    ...(more.spec && { spec: more.spec }),
  };
  return { id, key: inventoryKey(id), object };
}

function phasesOf(apply: readonly Planned[], prune: readonly Planned[] = []) {
  const planning = planRun(apply, prune);
  if (planning.kind === 'invalid') return planning.faults;
  const names = (phases: readonly (readonly Planned[])[]) =>
    phases.map((phase) => phase.map(({ id }) => `${id.kind}/${id.name}`).join(' '));
  return { apply: names(planning.plan.apply), prune: names(planning.plan.prune) };
}

describe('the plan', () => {
  const definition = planned('CustomResourceDefinition', 'widgets', {
    spec: { group: 'example.com', names: { kind: 'Widget' } },
  });
  const all = [
    planned('ValidatingWebhookConfiguration', 'v'),
    planned('Widget', 'w', { namespace: 'a' }),
    planned('Deployment', 'd', { namespace: 'a' }),
    planned('Pod', 'p', { namespace: 'b' }),
    planned('Secret', 's', { namespace: 'a' }),
    planned('ConfigMap', 'z', { namespace: 'a' }),
    planned('ConfigMap', 'c', { namespace: 'a' }),
    definition,
    planned('Namespace', 'a'),
  ];
  const forwards = [
    'Namespace/a CustomResourceDefinition/widgets Pod/p ValidatingWebhookConfiguration/v',
    'ConfigMap/c ConfigMap/z Secret/s Deployment/d Widget/w',
  ];
  const backwards = forwards.map((phase) => phase.split(' ').reverse().join(' ')).reverse();

  test('puts namespaces and definitions before what needs them, and the rest in the order of kinds and names', () => {
    expect(phasesOf(all)).toEqual({ apply: forwards, prune: [] });
  });

  test('deletes the other way round', () => {
    expect(phasesOf([], all)).toEqual({ apply: [], prune: backwards });
  });

  test('follows depends-on through as many phases as it takes', () => {
    const chain = [
      planned('Namespace', 'a', { needs: '/Namespace/b' }),
      planned('Namespace', 'b', { needs: '/Namespace/c' }),
      planned('Namespace', 'c'),
    ];
    expect(phasesOf(chain)).toEqual({ apply: ['Namespace/c', 'Namespace/b', 'Namespace/a'], prune: [] });
  });

  test('refuses circles, strangers and needs that cannot be read, and says where', () => {
    const circle = [
      planned('Namespace', 'a', { needs: '/Namespace/b' }),
      planned('Namespace', 'b', { needs: '/Namespace/a' }),
    ];
    expect(phasesOf(circle)).toEqual(['objects need each other in a circle: Namespace a, Namespace b']);
    expect(phasesOf([planned('Namespace', 'a', { needs: '/Namespace/x' })])).toEqual([
      'Namespace a: depends on Namespace x, which is not in this project',
    ]);
    expect(phasesOf([planned('Namespace', 'a', { needs: 'x' })])).toEqual([
      expect.stringMatching(/^Namespace a: .*must be/),
    ]);
  });

  test('does not mind what objects that are to be deleted say they need', () => {
    const leftovers = [
      planned('Namespace', 'a', { needs: '/Namespace/gone' }),
      planned('Namespace', 'b', { needs: 'x' }),
    ];
    expect(phasesOf([], leftovers)).toEqual({ apply: [], prune: ['Namespace/b Namespace/a'] });
  });
});

describe('the inventory after a run', () => {
  const id = { group: '', kind: 'ConfigMap', namespace: '', name: 'x' };
  const rows: readonly (readonly [string, Partial<ReturnType<RunRecord['get']>>, boolean, boolean])[] = [
    ['applied', { strategy: 'apply', actuation: 'successful', reconcile: 'successful' }, false, true],
    [
      'applied, not ready in time',
      { strategy: 'apply', actuation: 'successful', reconcile: 'timeout' },
      false,
      true,
    ],
    ['apply failed, new', { strategy: 'apply', actuation: 'failed' }, false, false],
    ['apply failed, known', { strategy: 'apply', actuation: 'failed' }, true, true],
    [
      'answer of the apply lost, new',
      { strategy: 'apply', actuation: 'failed', uncertain: true },
      false,
      true,
    ],
    ['apply skipped, known', { strategy: 'apply', actuation: 'skipped' }, true, true],
    ['apply skipped, new', { strategy: 'apply', actuation: 'skipped' }, false, false],
    ['not ours', { strategy: 'apply', actuation: 'skipped', abandoned: true }, true, false],
    ['deleted', { strategy: 'prune', actuation: 'successful', reconcile: 'successful' }, true, false],
    [
      'deleted, not gone in time',
      { strategy: 'prune', actuation: 'successful', reconcile: 'timeout' },
      true,
      true,
    ],
    ['deletion failed', { strategy: 'prune', actuation: 'failed' }, true, true],
    ['deletion skipped', { strategy: 'prune', actuation: 'skipped' }, true, true],
    ['let go', { strategy: 'prune', actuation: 'skipped', abandoned: true }, true, false],
  ];
  test.each(rows)('%s', (_, fields, known, named) => {
    const run = new RunRecord();
    Object.assign(run.plan(id, 'x', 'apply'), fields);
    expect(finalInventory(new Set(known ? ['x'] : []), run.all()).has('x')).toBe(named);
  });
});

describe('the guard', () => {
  const doomed = Array.from({ length: 12 }, (_, index) => ({
    group: '',
    kind: 'ConfigMap',
    namespace: 'a',
    name: `c${index}`,
  }));
  const deletions = { commitId: 'c', selected: 1, doomed, inventory: 'ns/inv', approved: '' };
  test.each([
    [{ holdsEmptiness: true, deletionsMax: 12 }, deletions, false],
    [{ holdsEmptiness: true, deletionsMax: 11 }, deletions, true],
    [{ holdsEmptiness: true, deletionsMax: 11 }, { ...deletions, approved: 'c' }, false],
    [{ holdsEmptiness: true, deletionsMax: 11 }, { ...deletions, approved: 'b' }, true],
    [{ holdsEmptiness: true, deletionsMax: Infinity }, { ...deletions, selected: 0 }, true],
    [{ holdsEmptiness: false, deletionsMax: Infinity }, { ...deletions, selected: 0 }, false],
    [{ holdsEmptiness: true, deletionsMax: 0 }, { ...deletions, selected: 0, doomed: [] }, false],
  ])('%j %#', (guard, what, held) => {
    const reason = heldBack(guard, what);
    expect(reason !== undefined).toBe(held);
    if (held) expect(reason).toMatch(/ and 2 more\. To agree: kubectl annotate .*approve-prune=c$/);
  });
});
