import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ObjectStore, type ObjectChange } from '../../../src/agentk/kubernetes/informer/index.ts';
import type { KubeObject } from '../../../src/agentk/kubernetes/index.ts';

let version = 0;
function object(name: string, more: { uid?: string; team?: string; version?: string } = {}): KubeObject {
  const { uid = `uid-${name}`, team = 'a' } = more;
  const resourceVersion = more.version ?? String((version += 1));
  return { apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace: 'n', uid, resourceVersion }, team };
}

function store(objectsMax = 100) {
  const errors: unknown[] = [];
  const made = new ObjectStore({
    objectsMax,
    indexers: { team: ({ team }) => [String(team)] },
    onHandlerError: (error) => errors.push(error),
  });
  const told: string[] = [];
  const say = (change: ObjectChange) =>
    told.push(
      `${change.kind} ${change.object.metadata.name}${'initial' in change && change.initial ? ' initially' : ''}${
        'unseen' in change && change.unseen ? ' unseen' : ''
      }`,
    );
  made.subscribe(say);
  return { made, told, errors, say };
}

test('a list tells what came, changed and went while nobody looked', () => {
  const { made, told } = store();
  const [kept, gone, changed] = [object('kept'), object('gone'), object('changed')];
  made.replace([kept, gone, changed], '10');
  made.replace([kept, object('changed'), object('new')], '20');
  expect(told).toEqual([
    'added kept initially',
    'added gone initially',
    'added changed initially',
    'deleted gone unseen',
    'updated changed',
    'added new',
  ]);
  expect(made.resourceVersion).toBe('20');
});

test('an object made anew under the same name is a deletion and an addition', () => {
  const { made, told } = store();
  made.replace([object('a')], '1');
  made.apply('MODIFIED', object('a', { uid: 'another' }));
  expect(told).toEqual(['added a initially', 'deleted a unseen', 'added a']);
});

test('who comes later is told of what is there, and a handler that throws disturbs nobody', () => {
  const { made, told, errors, say } = store();
  made.replace([object('a')], '1');
  told.length = 0;
  const end = made.subscribe(() => {
    throw new Error('broken handler');
  });
  made.subscribe((change) => say(change));
  made.apply('ADDED', object('b'));
  expect(told).toEqual(['added a initially', 'added b', 'added b']);
  expect(errors).toHaveLength(2);
  end();
  made.resync();
  expect(told.slice(3)).toEqual(['resynced a', 'resynced a', 'resynced b', 'resynced b']);
  expect(errors).toHaveLength(2);
});

test('more objects than may be kept are refused as a list and dropped as events', () => {
  const { made } = store(2);
  expect(made.replace([object('a'), object('b'), object('c')], '1')).toBe(false);
  expect([made.synced, made.size]).toEqual([false, 0]);
  expect(made.replace([object('a'), object('b')], '2')).toBe(true);
  made.apply('ADDED', object('c'));
  expect([made.size, made.dropped, made.resourceVersion]).toEqual([2, 1, String(version)]);
});

test('its indexes are what its objects say, whatever happened', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const team = fc.constantFrom('red', 'blue');
  const step = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), name, team }),
    fc.record({ kind: fc.constant('delete' as const), name }),
    fc.record({ kind: fc.constant('list' as const), names: fc.uniqueArray(name), team }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { made } = store();
      const replica = new Map<string, KubeObject>();
      made.subscribe((change) => {
        const key = change.object.metadata.name;
        if (change.kind === 'deleted') replica.delete(key);
        else replica.set(key, change.object);
      });
      for (const one of steps) {
        if (one.kind === 'put') made.apply('MODIFIED', object(one.name, { team: one.team }));
        else if (one.kind === 'delete') made.apply('DELETED', object(one.name));
        else
          made.replace(
            one.names.map((each) => object(each, { team: one.team })),
            'l',
          );
      }
      expect(new Set(replica.values())).toEqual(new Set(made.list()));
      for (const color of ['red', 'blue']) {
        const found = made.byIndex('team', color);
        expect(new Set(found)).toEqual(new Set(made.list().filter((each) => each['team'] === color)));
        expect(made.indexValues('team').includes(color)).toBe(found.length > 0);
      }
    }),
  );
});
