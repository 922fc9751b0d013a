/** How each kind of fault is done to a world, and undone when its time is over. */
import { configurationFile, logLevels } from './agent-configuration.ts';
import type { FaultKind } from './fault-kinds.ts';
import type { Fault } from './plan.ts';
import type { Scene } from './scene.ts';

/** Does it; answers how to undo it, which must be harmless when the world has moved on. */
type Deed = (world: Scene, fault: Fault) => () => void;

const nothing = () => {};
const slowMeanMs = 400;
const skewMsMax = 600_000;
const stormPushes = 30;
const manifestStormPushes = 10;
/** What a draining kas gets before it is killed. */
const drainMsMin = 20_000;
/** How much a store that takes over may have missed. */
const lostMsMax = 30_000;

const agentOf = (world: Scene, { agent }: Fault) => at(world.agents, agent);
const projectOf = (world: Scene, fault: Fault) => agentOf(world, fault).cluster.project;
const kasOf = (world: Scene, { kas }: Fault) => at(world.kas, kas);

function at<T>(all: readonly T[], index: number): T {
  const found = all[index % all.length];
  if (found === undefined) throw new Error('a world has at least one of each');
  return found;
}

function all(undo: readonly (() => void)[]): () => void {
  return () => {
    for (const one of undo) one();
  };
}

/** Restarts a kas that was asked to stop; what has not ended by then is killed. */
function restartKas(world: Scene, name: string): void {
  const host = world.kas.find((kas) => kas.name === name);
  if (host === undefined) return;
  if (host.running) world.killKas(host, false);
  host.start();
}

const deeds: Readonly<Record<FaultKind, Deed>> = {
  'slow-network': (world) => world.network.slow(slowMeanMs),
  cut: (world, fault) => {
    const [agent, kas] = [agentOf(world, fault).name, kasOf(world, fault).name];
    return all([world.network.cut(agent, kas), world.network.cut(kas, agent)]);
  },
  'cut-up': (world, fault) => world.network.cut(agentOf(world, fault).name, kasOf(world, fault).name),
  'cut-down': (world, fault) => world.network.cut(kasOf(world, fault).name, agentOf(world, fault).name),
  partition: (world, fault) => {
    const kas = kasOf(world, fault).name;
    return all(
      world.agents.flatMap(({ name }) => [world.network.cut(name, kas), world.network.cut(kas, name)]),
    );
  },
  'half-open': (world, fault) => {
    const { name } = agentOf(world, fault);
    for (const endpoint of world.network.endpoints) if (endpoint.host === name) endpoint.forgetInBetween();
    return nothing;
  },
  reset: (world, fault) => {
    const { name } = agentOf(world, fault);
    for (const endpoint of Array.from(world.network.endpoints))
      if (endpoint.host === name) endpoint.resetBoth();
    return nothing;
  },
  'reset-all': (world) => {
    for (const endpoint of Array.from(world.network.endpoints)) endpoint.resetBoth();
    return nothing;
  },
  'agent-crash': (world, fault) => {
    const host = agentOf(world, fault);
    world.killAgent(host, false);
    return () => host.start();
  },
  'agent-power': (world, fault) => {
    const host = agentOf(world, fault);
    world.killAgent(host, true);
    return () => {
      world.network.lighten(host.name);
      host.start();
    };
  },
  'agent-restart': (world, fault) => {
    const host = agentOf(world, fault);
    host.stop();
    return () => {
      if (host.stopping) world.killAgent(host, false);
      host.start();
    };
  },
  'kas-crash': (world, fault) => {
    const host = kasOf(world, fault);
    world.killKas(host, false);
    return () => host.start();
  },
  'kas-power': (world, fault) => {
    const host = kasOf(world, fault);
    world.killKas(host, true);
    return () => {
      world.network.lighten(host.name);
      host.start();
    };
  },
  'kas-drain': (world, fault) => {
    const host = kasOf(world, fault);
    host.drain();
    world.kernel.at(Math.max(drainMsMin, fault.forMs), () => restartKas(world, host.name));
    return nothing;
  },
  'rolling-restart': (world, fault) => {
    const stepMs = Math.max(drainMsMin, fault.forMs / world.kas.length);
    world.kas.forEach((host, index) => {
      world.kernel.at(index * stepMs, () => host.drain());
      world.kernel.at((index + 1) * stepMs, () => restartKas(world, host.name));
    });
    return nothing;
  },
  'gitlab-fails': (world) => world.gitlab.trouble('fails', 'api'),
  'gitlab-hangs': (world) => world.gitlab.trouble('hangs', 'api'),
  'gitlab-slow': (world) => world.gitlab.trouble('slow', 'api'),
  'git-fails': (world) => world.gitlab.trouble('fails', 'git'),
  'git-hangs': (world) => world.gitlab.trouble('hangs', 'git'),
  'token-revoked': (world, fault) => world.gitlab.revoke(agentOf(world, fault).agent),
  'store-gone': (world) => world.store.trouble('gone'),
  'store-hangs': (world) => world.store.trouble('hangs'),
  'store-slow': (world) => world.store.trouble('slow'),
  'store-emptied': (world) => {
    world.store.empty();
    return nothing;
  },
  'store-failover': (world, fault) => {
    world.store.failOver((fault.agent * lostMsMax) / 1_000);
    return world.store.trouble('gone');
  },
  'clock-skew': (world, fault) => {
    const host = kasOf(world, fault);
    host.skewMs = ((fault.agent / 500) % 2 < 1 ? 1 : -1) * ((fault.forMs * 7) % skewMsMax);
    return () => void (host.skewMs = 0);
  },
  'cluster-refuses': (world, fault) => agentOf(world, fault).cluster.trouble('refuses'),
  'cluster-fails': (world, fault) => agentOf(world, fault).cluster.trouble('fails'),
  'cluster-slow': (world, fault) => agentOf(world, fault).cluster.trouble('slow'),
  'cluster-throttles': (world, fault) => agentOf(world, fault).cluster.trouble('throttles'),
  'watches-expire': (world, fault) => {
    projectOf(world, fault)?.kubernetes.expire();
    return nothing;
  },
  'lease-lost': (world, fault) => agentOf(world, fault).cluster.lead(() => world.kernel.nowMs),
  'object-edited': (world, fault) => {
    projectOf(world, fault)?.meddle('edit', fault.kas);
    return nothing;
  },
  'object-deleted': (world, fault) => {
    projectOf(world, fault)?.meddle('delete', fault.kas);
    return nothing;
  },
  'object-replaced': (world, fault) => {
    projectOf(world, fault)?.meddle('replace', fault.kas);
    return nothing;
  },
  'push-storm': (world, fault) => {
    const { agent } = agentOf(world, fault);
    for (let push = 0; push < stormPushes; push++) {
      const level = at(logLevels, push + fault.kas);
      world.kernel.at((push * fault.forMs) / stormPushes, () => world.push(agent, configurationFile(level)));
    }
    for (let push = 0; push < manifestStormPushes; push++) {
      const change = at(['change', 'rename', 'move', 'add', 'delete'] as const, push + fault.kas);
      const atMs = (push * fault.forMs) / manifestStormPushes;
      world.kernel.at(atMs, () => world.pushManifests(agent, change, push));
    }
    return nothing;
  },
};

/** Begins a fault, and plans its end. */
export function doFault(world: Scene, fault: Fault): void {
  world.kernel.log(
    `FAULT ${fault.kind} ${agentOf(world, fault).name} ${kasOf(world, fault).name} for ${fault.forMs} ms`,
  );
  world.tally.count(`fault ${fault.kind}`);
  const undo = deeds[fault.kind](world, fault);
  world.kernel.at(fault.forMs, undo);
}
