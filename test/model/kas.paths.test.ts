/** Every path through the model of kas's world, played against our kas over real sockets. */
import { describe, expect, it } from 'vitest';
import { pathsOf, playPath } from '../../src/testing/index.ts';
import type { Carrier } from './agent-subject.ts';
import { kasModel } from './kas-model.ts';
import { playKas } from './kas-play.ts';
import { ownKas } from './kas-subject.ts';

const paths = pathsOf(kasModel);

async function play(path: (typeof paths)[number], carrier: Carrier, reuse = false): Promise<void> {
  const kas = await ownKas(carrier);
  try {
    await playPath(path, playKas(kas, reuse));
  } finally {
    await kas.dispose();
  }
}

it('has a path for each thing that may happen', () => {
  expect(paths.length).toBeGreaterThan(25);
});

describe.each(['gRPC', 'WebSocket'] as const)('over %s kas holds out', (carrier) => {
  it.each(paths)('$name', (path) => play(path, carrier));
});

describe('with tunnels that are used again kas holds out', () => {
  const serving = paths.filter(({ name }) => name.includes('user.asks'));
  it.each(serving)('$name', (path) => play(path, 'gRPC', true));
});
