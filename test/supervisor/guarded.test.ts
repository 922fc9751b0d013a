import { assign, createActor, createMachine, fromCallback, setup } from 'xstate';
import { beforeEach, expect, test } from 'vitest';
import { guarded } from '../../src/supervisor/index.ts';

const trace: string[] = [];
beforeEach(() => {
  trace.length = 0;
});

const part = fromCallback<{ type: 'none' }, string>(({ input }) => {
  trace.push(`+${input}`);
  return () => trace.push(`-${input}`);
});
const boom = () => {
  throw new Error('boom');
};
const withParts = createMachine({
  context: {},
  invoke: [
    { id: 'a', src: part, input: 'a' },
    { id: 'b', src: part, input: 'b' },
    { id: 'c', src: part, input: 'c' },
  ],
  on: { action: { actions: boom }, assign: { actions: assign(boom) }, guard: { guard: boom } },
});

function start(logic: Parameters<typeof createActor>[0]) {
  const actor = createActor(logic);
  const errors: unknown[] = [];
  actor.subscribe({ error: (error) => errors.push(error) });
  actor.start();
  return { actor, errors };
}

test.each(['action', 'assign', 'guard'])(
  'a throw in an %s stops the children, in reverse, before the actor fails',
  (type) => {
    const { actor, errors } = start(guarded(withParts));
    actor.send({ type });
    expect(trace.join(' ')).toBe('+a +b +c -c -b -a');
    expect(errors).toHaveLength(1);
  },
);

test('a throwing entry action of the first state starts no children', () => {
  const { errors } = start(guarded(createMachine({ entry: boom, invoke: { src: part, input: 'a' } })));
  expect(trace).toEqual([]);
  expect(errors).toHaveLength(1);
});

test('children stop in reverse when the actor is stopped from outside', () => {
  start(guarded(withParts)).actor.stop();
  expect(trace.join(' ')).toBe('+a +b +c -c -b -a');
});

test('a throw in a nested machine stops its children too when both are guarded', () => {
  const outer = setup({ actors: { inner: guarded(withParts), part } }).createMachine({
    invoke: [
      { id: 'outer', src: 'part', input: 'outer' },
      { id: 'inner', src: 'inner' },
    ],
    on: { hit: { actions: ({ self }) => self.getSnapshot().children['inner']?.send({ type: 'action' }) } },
  });
  const { actor, errors } = start(guarded(outer));
  actor.send({ type: 'hit' });
  expect(trace.filter((entry) => entry.startsWith('-')).toSorted()).toEqual(['-a', '-b', '-c', '-outer']);
  expect(errors).toHaveLength(1);
});

test('guarding is done once per logic and keeps logic without children as it was', () => {
  expect(guarded(withParts)).toBe(guarded(withParts));
  expect(guarded(guarded(withParts))).toBe(guarded(withParts));
  const { actor } = start(guarded(part));
  actor.stop();
  expect(actor.getSnapshot().status).toBe('stopped');
});
