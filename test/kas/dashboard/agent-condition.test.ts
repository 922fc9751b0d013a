/** What states of a session mean to an operator. */
import { expect, it } from 'vitest';
import { adviceFor, conditionOf, reasons, shown } from '../../../src/kas/dashboard/agent-condition.ts';

const registered = (identity: string, tunnels: string) =>
  `registered.(identity.${identity}|presence.announced|configuration.watched|tunnels.${tunnels})`;
const of = (state: string, more: Partial<Parameters<typeof conditionOf>[0]> = {}) =>
  conditionOf({ state, before: '', refusal: undefined, ending: '', ...more }).condition;

it.each([
  ['authenticating', 'connecting'],
  ['backingOff', 'degraded'],
  [registered('known', 'available'), 'online'],
  [registered('rechecking', 'available'), 'online'],
  [registered('doubted', 'available'), 'degraded'],
  [registered('known', 'none'), 'degraded'],
  ['stale', 'disconnected'],
  ['draining', 'draining'],
])('%s is %s', (state, condition) => {
  expect(of(state)).toBe(condition);
});

it('the end is told by what was before it', () => {
  expect(of('gone', { before: registered('known', 'available') })).toBe('disconnected');
  expect(of('gone', { before: 'draining' })).toBe('left');
  expect(of('gone', { before: 'authenticating', refusal: 'unauthenticated' })).toBe('refused');
});

it('every reason of ours comes with advice', () => {
  for (const reason of Object.values(reasons)) expect(adviceFor(reason), reason).not.toBe('');
  for (const refusal of ['unauthenticated', 'forbidden', 'agent not found'])
    expect(adviceFor(refusal)).not.toBe('');
});

it('texts from outside are one bounded line that steers nothing', () => {
  expect(shown('a\u001b[31m\u202eb\nc')).toBe('a\uFFFD[31m\uFFFDb\uFFFDc');
  expect(shown('x'.repeat(1_000))).toHaveLength(200);
  expect(shown(undefined)).toBe('');
});
