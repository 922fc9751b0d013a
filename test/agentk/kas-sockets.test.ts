/** What becomes of old connections to kas: they live beside the new one, and are not too many. */
import { expect, it } from 'vitest';
import { KasSockets } from '../../src/agentk/link/index.ts';
import { kasTarget } from '../../src/agentk/kas-target.ts';
import { agentkLimits } from '../../src/agentk/limits.ts';
import { unsetBuild } from '../../src/agentk/index.ts';
import { until } from '../kas/waiting.ts';
import { ScriptedKas } from '../model/scripted-kas.ts';

it('the oldest of too many connections that went away is cut for a new one', async () => {
  const kas = new ScriptedKas();
  await kas.listen();
  const { target } = kasTarget({
    kasAddress: `grpc://127.0.0.1:${kas.port}`,
    kasHeaders: [],
    build: unsetBuild,
    env: {},
  });
  const sockets = new KasSockets(target);
  const max = agentkLimits.retiredConnectionsMax;
  for (let incarnation = 1; incarnation <= max + 1; incarnation++) {
    let ready = false;
    sockets.dial(incarnation, ({ type }) => {
      if (type === 'settings.received') ready = true;
    });
    await until(() => ready);
    // A call under way keeps it.
    const call = sockets.find(incarnation)?.session?.request({
      ':method': 'POST',
      ':path': '/gitlab.agent.reverse_tunnel.rpc.ReverseTunnel/Connect',
    });
    call?.on('error', () => {});
    await until(() => kas.connections.at(-1)?.calls.length === 1);
    sockets.retire(incarnation);
  }
  await until(() => kas.connections[0]?.peer.isClosed === true);
  await until(() => sockets.retiredCount === max);
  expect(kas.connections.slice(1).some(({ peer }) => peer.isClosed)).toBe(false);
  sockets.closeAll();
  await until(() => kas.connections.every(({ peer }) => peer.isClosed));
  expect(sockets.retiredCount).toBe(0);
  await kas.leave();
});
