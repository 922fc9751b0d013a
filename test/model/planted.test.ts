/** The paths can fail: wrongs planted into our charts are found by paths that hold without them. */
import type { AnyStateMachine } from 'xstate';
import { describe, expect, it } from 'vitest';
import { charts } from '../../statecharts/index.ts';
import { mutantsOf, pathsOf, playPath } from '../../src/testing/index.ts';
import { agentModel } from './agent-model.ts';
import { playAgent } from './agent-play.ts';
import { ownAgent } from './agent-subject.ts';
import { kasModel } from './kas-model.ts';
import { playKas } from './kas-play.ts';
import { ownKas } from './kas-subject.ts';

function plant(chart: string, id: string): () => void {
  const machine = charts.find(({ name }) => name === chart)?.machine;
  const mutant = machine && mutantsOf(machine).find((one) => one.id === id);
  if (mutant === undefined) throw new Error(`${chart} has no ${id}`);
  return mutant.plant();
}

function pathOf(model: AnyStateMachine, name: string) {
  const path = pathsOf(model).find((one) => one.name === name);
  if (path === undefined) throw new Error(`the model has no path ${name}`);
  return path;
}

async function meetAgent(name: string): Promise<void> {
  const scene = await ownAgent('gRPC');
  try {
    await playPath(pathOf(agentModel, name), playAgent(scene));
  } finally {
    await scene.dispose();
  }
}

async function meetKas(name: string): Promise<void> {
  const kas = await ownKas('gRPC');
  try {
    await playPath(pathOf(kasModel, name), playKas(kas));
  } finally {
    await kas.dispose();
  }
}

/** Holds without the wrong, and not with it. */
async function expectFound(chart: string, wrong: string, meet: () => Promise<void>, complaint: RegExp) {
  await meet();
  const takeOut = plant(chart, wrong);
  try {
    await expect(meet()).rejects.toThrow(complaint);
  } finally {
    takeOut();
  }
}

describe('an agentk', () => {
  it.each([
    [
      'that trusts a silent kas',
      'agent-link',
      'running.session.connected.quiet on after pingPeriod → running.session.connected.pinging: never taken',
      'kas.goesSilent',
      /no end of the silent connection/,
    ],
    [
      'that does not hear GOAWAY',
      'agent-link',
      'running.session.connected on goaway.received → running.session.backingOff (2): never taken',
      'kas.goesAway',
      /no registration on a new connection/,
    ],
    [
      'that waits for a mute kas for ever',
      'agent-link',
      'running.session.connecting.handshaking on after handshakeDeadline → running.session.backingOff: never taken',
      'kas.mutes, kas.returns',
      /no end of a mute connection/,
    ],
    [
      'that does not wait after a refusal',
      'agent-link',
      'running.session.connected on call.refused → running.session.refused: never taken',
      'token.revoked, token.granted',
      /dials and/,
    ],
    [
      'that registers once in its life',
      'registration',
      'registered on link.restored → registering: never taken',
      'kas.hangsUp',
      /no .*connection/,
    ],
    [
      'that opens no tunnels',
      'tunnel-client',
      'waitingForLink on link.restored → idle: never taken',
      'tunnels.end',
      /no connection that is served whole/,
    ],
  ] as const)('%s is found', async (_, chart, wrong, name, complaint) => {
    await expectFound(chart, wrong, () => meetAgent(name), complaint);
  });
});

describe('a kas', () => {
  it.each([
    [
      'that trusts a silent agent',
      'agent-connection',
      'live.keepalive.quiet on after keepalive → live.keepalive.probing: never taken',
      'agent.comes, agent.goesSilent',
      /no end of the connection/,
    ],
    [
      'that lets a request wait for ever',
      'request',
      'waiting on after findDeadline → timedOut: never taken',
      'user.asks, search.timesOut',
      /no answer to the user/,
    ],
    [
      'that forgets who waits for a tunnel',
      'request',
      'locating on tunnel.absent → waiting: never taken',
      'user.asks, agent.comes',
      /no request at the agent/,
    ],
    [
      'that does not look for news of a configuration',
      'config-watch',
      'waiting on after pollPeriod → resolving: never taken',
      'agent.comes, configuration.isPushed',
      /no new configuration/,
    ],
    [
      'that gives a tunnel away that was taken back',
      'tunnel',
      'idle on peer.finished → done: never taken',
      'agent.comes, tunnel.retires, agent.offers',
      /no end of a stream/,
    ],
  ] as const)('%s is found', async (_, chart, wrong, name, complaint) => {
    await expectFound(chart, wrong, () => meetKas(name), complaint);
  });
});
