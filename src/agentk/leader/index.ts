/** Which replica of this agent does what only one may do. */
export {
  createLeaderElectionLogic,
  leaderElectionName,
  type LeaderElectionDeps,
} from './leader-election.actor.ts';
