import { statePathsOf } from '../state-paths.ts';
import type { Invariant } from './invariant.ts';

const refused = 'running.session.refused';

export const refusedByGitLab: Invariant = {
  id: 'refused-by-gitlab',
  reason:
    'Only GitLab refuses an agent. An outage taken for a refusal sends away agents that nobody told to go, for minutes.',
  moved(scene, process, { machine, from, to }) {
    if (machine !== 'agentLink' || !statePathsOf(to).has(refused) || statePathsOf(from).has(refused)) return;
    const host = scene.agents.find((agent) => agent.process === process);
    if (host === undefined || scene.gitlab.everRefused(host.agent)) return;
    scene.fail(this, `${process.name} was refused, but GitLab has never refused it`);
  },
};
