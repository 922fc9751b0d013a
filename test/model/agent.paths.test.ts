/** Every path through the model of agentk's world, played against our agentk over real sockets. */
import { describe, expect, it } from 'vitest';
import { pathsOf, playPath } from '../../src/testing/index.ts';
import { agentModel } from './agent-model.ts';
import { playAgent } from './agent-play.ts';
import { ownAgent, type Carrier } from './agent-subject.ts';

const paths = pathsOf(agentModel);

async function play(path: (typeof paths)[number], carrier: Carrier): Promise<void> {
  const scene = await ownAgent(carrier);
  try {
    await playPath(path, playAgent(scene));
  } finally {
    await scene.dispose();
  }
}

it('has a path for each thing that may happen', () => {
  expect(paths.length).toBeGreaterThan(20);
});

describe.each(['gRPC', 'WebSocket'] as const)('over %s agentk holds out', (carrier) => {
  it.each(paths)('$name', (path) => play(path, carrier));
});
