/** The small parts of the module flux, by tables. */
import { describe, expect, test } from 'vitest';
import { contains, fluxObjects } from '../../../src/agentk/flux/flux-objects.ts';
import { KeyQueue } from '../../../src/agentk/flux/key-queue.ts';
import { projectPath } from '../../../src/agentk/flux/project-path.ts';
import { webhookPlace } from '../../../src/agentk/flux/webhook.ts';

test.each([
  ['https://gitlab.example.com/group/app.git', 'group/app'],
  ['https://GitLab.example.com/group/sub/app', 'group/sub/app'],
  ['ssh://git@gitlab.example.com/group/app.git', 'group/app'],
  ['ssh://git@gitlab.example.com:2222/group/app.git', 'group/app'],
  ['https://gitlab.example.com:8443/group/app', undefined],
  ['https://gitlab.example.com.evil.example/group/app', undefined],
  ['git@gitlab.example.com:group/app.git', undefined],
  ['https://gitlab.example.com/', undefined],
  ['https://gitlab.example.com/%ff', undefined],
  ['', undefined],
])('the repository %s is the project %s', (url, project) => {
  expect(projectPath(url, 'https://gitlab.example.com')).toBe(project);
});

describe('names', () => {
  const named = (name: string) => {
    const metadata = { name, namespace: 'n', uid: 'u' };
    const repository = { apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository', metadata };
    const { secret, receiver } = fluxObjects(repository, 'g/p', 7n);
    return [secret.metadata.name, receiver.metadata.name];
  };
  test('are those of the original, cut where they are too long', () => {
    expect(named('app')).toEqual(['gitlab-receiver-app', 'gitlab-app']);
    expect(named('a'.repeat(70))).toEqual([`gitlab-receiver-${'a'.repeat(70)}`, `gitlab-${'a'.repeat(56)}`]);
    expect(named(`${'a'.repeat(55)}-b`)[1]).toBe(`gitlab-${'a'.repeat(54)}-x`);
    expect(named(`${'a'.repeat(55)}-`)[1]).toBe(`gitlab-${'a'.repeat(55)}-`);
  });
});

test.each([
  ['', 'http://webhook-receiver.flux-system.svc.cluster.local'],
  ['https://flux.example.com/base/', 'https://flux.example.com/base'],
  ['/api/v1/namespaces/flux-system/services/webhook-receiver:80/proxy', 'API server'],
  ['/some/path', undefined],
  ['ftp://flux', undefined],
  ['not a url', undefined],
])('the webhook URL %j is %s', (configured, expected) => {
  const place = webhookPlace(configured);
  const shown =
    place?.kind === 'url' ? place.origin + place.path : place === undefined ? undefined : 'API server';
  expect(shown).toBe(expected);
});

test('what is wanted is contained in what is there, whatever else is there', () => {
  const wanted = { spec: { list: [{ a: 1 }], text: 'x' } };
  expect(contains({ spec: { list: [{ a: 1, b: 2 }], text: 'x', more: true }, status: {} }, wanted)).toBe(
    true,
  );
  for (const other of [
    undefined,
    {},
    { spec: { list: [], text: 'x' } },
    { spec: { list: [{ a: 2 }], text: 'x' } },
  ]) {
    expect(contains(other, wanted)).toBe(false);
  }
});

test('a key is worked on once however often it is added, again when it is added meanwhile, later when it failed', () => {
  const queue = new KeyQueue((failures) => failures * 100);
  queue.add('a');
  queue.add('a');
  queue.add('b');
  expect(queue.take(0)).toEqual({ key: 'a' });
  queue.add('a');
  queue.settle(true, 0);
  expect(queue.take(0)).toEqual({ key: 'b' });
  queue.settle(false, 0);
  expect(queue.take(0)).toEqual({ key: 'a' });
  queue.settle(true, 0);
  expect(queue.take(10)).toEqual({ waitMs: 90 });
  expect(queue.take(100)).toEqual({ key: 'b' });
  queue.settle(false, 100);
  expect(queue.take(100)).toEqual({ waitMs: 200 });
  queue.add('b');
  expect(queue.take(100)).toEqual({ key: 'b' });
  queue.settle(true, 100);
  expect(queue.take(1_000)).toBeUndefined();
});
