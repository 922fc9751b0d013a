import type { AgentHost } from '../agent-host.ts';
import type { Scene } from '../scene.ts';
import type { Invariant } from './invariant.ts';

interface Configured {
  readonly life: number;
  /** There were so many when the life dialled first. */
  readonly commits: number;
  times: number;
}

const known = new WeakMap<AgentHost, Configured>();

function configuredOf(scene: Scene, host: AgentHost): Configured {
  let configured = known.get(host);
  if (configured?.life !== host.life)
    known.set(host, (configured = { life: host.life, commits: scene.gitlab.commits(host.agent), times: 0 }));
  return configured;
}

export const configuredOnce: Invariant = {
  id: 'configured-once',
  reason:
    'A configuration an agent has is not sent again: after a restart of kas all agents would fetch theirs at once.',
  dialled: (scene, host) => void configuredOf(scene, host),
  configured(scene, host) {
    const configured = configuredOf(scene, host);
    configured.times += 1;
    const newer = scene.gitlab.commits(host.agent) - configured.commits;
    if (configured.times > timesAtFirst + newer)
      scene.fail(
        this,
        `${host.name}.${host.life} is configured ${configured.times} times, after ${newer} pushes`,
      );
  },
};

/** Without one at first, and with the one there is. */
const timesAtFirst = 2;
