import { expect, it } from 'vitest';
import { ForgettableErrors } from '../../src/kas/forgettable-errors.ts';
import { memoryStore } from '../../src/store/memory/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

const refusal = { statusCode: 401, reason: 'unknown token' };

it('finds a refusal until it is told to forget, and only then remembers anew', async () => {
  const errors = new ForgettableErrors(memoryStore({ clock: new VirtualClock() }).sharedErrors);
  await errors.set('key', refusal, 60_000);
  expect(await errors.get('key')).toMatchObject(refusal);
  errors.forget();
  expect(await errors.get('key')).toBeUndefined();
  await errors.set('key', refusal, 60_000);
  expect(await errors.get('key')).toMatchObject(refusal);
});
