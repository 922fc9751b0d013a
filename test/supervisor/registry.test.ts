import { createActor, fromCallback, fromTransition } from 'xstate';
import { expect, test } from 'vitest';
import { Registry, type DeadLetter } from '../../src/supervisor/index.ts';

const idle = fromCallback(() => {});
const counter = fromTransition((count: number, _event: { type: 'ping' }) => count + 1, 0);

test('a name is looked up when something is sent, so it reaches the newest holder', () => {
  const registry = new Registry();
  const first = createActor(counter).start();
  const second = createActor(counter).start();
  registry.register('agent:1', first);
  registry.send('agent:1', { type: 'ping' });
  registry.register('agent:1', second);
  registry.send('agent:1', { type: 'ping' });
  expect([first.getSnapshot().context, second.getSnapshot().context]).toEqual([1, 1]);
  expect(registry.names()).toEqual(['agent:1']);
});

test('a late farewell of an older incarnation never removes a newer one', () => {
  const registry = new Registry();
  const older = createActor(idle).start();
  const newer = createActor(idle).start();
  const registration = registry.register('agent:1', older);
  const { incarnation } = registry.register('agent:1', newer);
  expect(incarnation).toBeGreaterThan(registration.incarnation);
  older.stop();
  expect(registration.unregister()).toBe(false);
  expect(registry.whereis('agent:1')).toBe(newer);
  expect(registry.incarnation('agent:1')).toBe(incarnation);
});

test('an ended actor is not found, and gives its name back by itself', () => {
  const registry = new Registry();
  const ref = createActor(idle).start();
  registry.register('a', ref);
  ref.stop();
  expect(registry.whereis('a')).toBeUndefined();
  expect(registry.size).toBe(0);
});

test('an actor that had ended before it was registered is not found', async () => {
  const registry = new Registry();
  const ref = createActor(idle).start();
  ref.stop();
  registry.register('a', ref);
  expect(registry.whereis('a')).toBeUndefined();
  await Promise.resolve();
  expect(registry.size).toBe(0);
});

test('what finds nobody is counted and told without its payload', () => {
  const letters: DeadLetter[] = [];
  const registry = new Registry((letter) => letters.push(letter));
  const registration = registry.register('a', createActor(idle).start());
  expect(registry.send('a', { type: 'ping' })).toBe(true);
  expect(registration.unregister()).toBe(true);
  expect(registry.send('a', { type: 'ping' })).toBe(false);
  expect(registry.deadLetters).toBe(1);
  expect(letters).toEqual([{ name: 'a', eventType: 'ping' }]);
});
