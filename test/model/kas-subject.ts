/** Our kas as the subject of a play: whole, in this process, on a virtual clock, over real sockets. */
import { stat } from 'node:fs/promises';
import { Agent } from 'undici';
import { GoAgent, statusAtEnd } from '../contract/go-agent.ts';
import { KasUnderTest, tokens } from '../kas/kas-under-test.ts';
import { turn } from '../kas/waiting.ts';
import { WebSocketBridge } from '../kas/websocket-bridge.ts';
import type { Carrier } from './agent-subject.ts';
import type { KasSubject } from './kas-play.ts';
import { VirtualPace } from './pace.ts';

export interface OwnKas extends KasSubject {
  dispose(): Promise<void>;
}

/**
 * kas reads files of repositories, which other threads do: time must not outrun them on a busy machine. They work in
 * order, so that what was asked of them before is done when what is asked now is.
 */
async function filesAreRead(): Promise<void> {
  const threads = Array.from({ length: 4 });
  for (let rounds = 0; rounds < 8; rounds++) {
    await Promise.all(threads.map(() => stat('/')));
    await turn();
  }
}

export async function ownKas(carrier: Carrier): Promise<OwnKas> {
  const kas = await KasUnderTest.start({ agentListen: 'websocket: true' });
  const bridge =
    carrier === 'gRPC' ? undefined : await WebSocketBridge.to(`ws://127.0.0.1:${kas.ports.agents}/`);
  const dispatcher = new Agent({ pipelining: 1 });
  const agents: GoAgent[] = [];
  /** Waits until kas has seen the file: what the machine takes to tell of a change is not part of the play. */
  const knows = async (accepted: boolean) => {
    const asker = await GoAgent.dial(kas.ports.agents, tokens.agent);
    for (let code: number | undefined; code !== (accepted ? 0 : 16);) {
      await kas.clock.advanceAsync(1_000);
      await filesAreRead();
      code = (await statusAtEnd(asker.register()))[0];
    }
    asker.close();
  };
  return {
    pace: new VirtualPace(kas.clock, filesAreRead),
    proxy: `http://127.0.0.1:${kas.ports.kubernetesApi}`,
    credentials: { authorization: `Bearer ci:1:${tokens.job}` },
    dispatcher,
    pollMs: 400_000,
    memoryMs: 60_000,
    dial: async () => {
      const agent = await GoAgent.dial(bridge?.port ?? kas.ports.agents, tokens.agent);
      agents.push(agent);
      return agent;
    },
    revoke: async () => {
      await kas.writeDirectory([tokens.spare]);
      await knows(false);
    },
    grant: async () => {
      await kas.writeDirectory();
      await knows(true);
    },
    commit: (file) => kas.commitFile(file),
    stop: () => kas.requestStop(),
    get end() {
      return kas.ended === undefined ? undefined : { ok: kas.ended.kind === 'stopped' };
    },
    dispose: async () => {
      for (const agent of agents) agent.close();
      await dispatcher.destroy();
      await kas[Symbol.asyncDispose]();
      bridge?.[Symbol.dispose]();
    },
  };
}
