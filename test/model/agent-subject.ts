/** Our agentk as the subject of a play: whole, in this process, on a virtual clock, over real sockets. */
import { AgentUnderTest, FakeApiServer } from '../agentk/agent-under-test.ts';
import { WebSocketDoor } from '../agentk/front-doors.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import type { AgentScene, AgentSubject } from './agent-play.ts';
import { VirtualPace } from './pace.ts';
import { ScriptedKas } from './scripted-kas.ts';

export type Carrier = 'gRPC' | 'WebSocket';

export interface OwnAgentScene extends AgentScene {
  dispose(): Promise<void>;
}

export async function ownAgent(carrier: Carrier): Promise<OwnAgentScene> {
  const kas = new ScriptedKas();
  await kas.listen();
  const api = await FakeApiServer.start();
  const door = carrier === 'gRPC' ? undefined : await WebSocketDoor.to(kas.port);
  const clock = new VirtualClock();
  const { agentk } = await AgentUnderTest.start(kas.port, api.port, {
    clock,
    drainMs: 20_000,
    ...(door === undefined ? {} : { kasAddress: `ws://127.0.0.1:${door.port}` }),
  });
  clock.advance(0);
  let end: AgentSubject['end'];
  void agentk.exit.then(({ kind }) => (end = { ok: kind === 'stopped' }));
  const subject: AgentSubject = {
    pace: new VirtualPace(clock, () => kas.heard()),
    stop: () => void agentk.stop(),
    get end() {
      return end;
    },
    dispose: async () => {
      if (end === undefined) void agentk.stop();
      const over = agentk.stop();
      for (let steps = 0; steps < 100 && end === undefined; steps++) await clock.advanceAsync(1_000);
      await over;
    },
  };
  const dispose = async () => {
    await subject.dispose();
    await kas.leave();
    door?.close();
    api.stop();
  };
  return { kas, api, subject, dispose };
}
