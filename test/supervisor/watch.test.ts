import { createActor, createMachine, fromCallback, fromPromise } from 'xstate';
import { expect, test } from 'vitest';
import { watch, type Exit } from '../../src/supervisor/index.ts';

const verdict = createMachine({
  initial: 'on',
  output: () => 'verdict',
  states: { on: { on: { end: 'off' } }, off: { type: 'final' } },
});
const crashing = fromCallback(() => {
  throw new Error('bug');
});

test('a verdict, a crash and a stop are told apart', async () => {
  const exits: Exit[] = [];
  const note = (exit: Exit) => exits.push(exit);
  const machine = createActor(verdict);
  watch(machine, note);
  machine.start().send({ type: 'end' });
  const failing = createActor(crashing);
  watch(failing, note);
  failing.start();
  const stopped = createActor(verdict);
  watch(stopped, note);
  stopped.start().stop();
  const promise = createActor(fromPromise(() => Promise.reject(new Error('no'))));
  watch(promise, note);
  promise.start();
  await new Promise(setImmediate);
  expect(exits).toEqual([
    { kind: 'normal', output: 'verdict' },
    { kind: 'crashed', error: new Error('bug') },
    { kind: 'shutdown', reason: 'stopped' },
    { kind: 'crashed', error: new Error('no') },
  ]);
});

test('an end that came before the watching is told once, and not before watch has answered', async () => {
  const ended = createActor(verdict).start();
  ended.send({ type: 'end' });
  const stopped = createActor(verdict).start();
  stopped.stop(); // plain subscribe would stay silent for ever
  const failed = createActor(crashing);
  failed.subscribe({ error: () => {} });
  failed.start();
  const exits: Exit['kind'][] = [];
  for (const ref of [ended, stopped, failed]) watch(ref, ({ kind }) => exits.push(kind));
  expect(exits).not.toContain('shutdown');
  await new Promise(setImmediate);
  expect(exits.toSorted()).toEqual(['crashed', 'normal', 'shutdown']);
});

test('who stops watching hears nothing more', async () => {
  let heard = 0;
  const ref = createActor(verdict).start();
  watch(ref, () => (heard += 1))();
  ref.stop();
  watch(ref, () => (heard += 1))();
  await new Promise(setImmediate);
  expect(heard).toBe(0);
});
