/** All of them. Two more are upheld where they can break: `no-unexpected-error` (quiet.ts) and `no-give-up` (the hosts). */
import { configuredOnce } from './configured-once.ts';
import { connectedAfterHealing } from './connected-after-healing.ts';
import { countsAreTrue } from './counts-are-true.ts';
import { deliveredOnce } from './delivered-once.ts';
import { dialsAreBounded } from './dials-are-bounded.ts';
import { everyRequestEnds } from './every-request-ends.ts';
import { fewTimers } from './few-timers.ts';
import { gitInTheCluster } from './git-in-the-cluster.ts';
import { idleWorkMovesOn } from './idle-work-moves-on.ts';
import type { Invariant } from './invariant.ts';
import { newerEntryWins } from './newer-entry-wins.ts';
import { newestConfiguration } from './newest-configuration.ts';
import { noGivingUp } from './no-giving-up.ts';
import { noHastyStreams } from './no-hasty-streams.ts';
import { noPushIsLost } from './no-push-is-lost.ts';
import { nothingLeft } from './nothing-left.ts';
import { nothingLost } from './nothing-lost.ts';
import { offersAreTaken } from './offers-are-taken.ts';
import { oneEntryPerPod } from './one-entry-per-pod.ts';
import { oneRequestPerTunnel } from './one-request-per-tunnel.ts';
import { poolFits } from './pool-fits.ts';
import { refusedByGitLab } from './refused-by-gitlab.ts';
import { refusedIsOut } from './refused-is-out.ts';
import { rightAgent } from './right-agent.ts';
import { searchIsBounded } from './search-is-bounded.ts';
import { sentAwayIsHeard } from './sent-away-is-heard.ts';
import { staysEnd } from './stays-end.ts';
import { trueAnswers } from './true-answers.ts';
import { userGone } from './user-gone.ts';
import { waitsAreSpread } from './waits-are-spread.ts';
import { waitsGrow } from './waits-grow.ts';

export type { Invariant } from './invariant.ts';

export const invariants: readonly Invariant[] = [
  rightAgent,
  deliveredOnce,
  oneRequestPerTunnel,
  trueAnswers,
  noGivingUp,
  userGone,
  everyRequestEnds,
  dialsAreBounded,
  connectedAfterHealing,
  oneEntryPerPod,
  newestConfiguration,
  nothingLost,
  gitInTheCluster,
  staysEnd,
  waitsAreSpread,
  waitsGrow,
  refusedByGitLab,
  refusedIsOut,
  searchIsBounded,
  configuredOnce,
  noPushIsLost,
  newerEntryWins,
  idleWorkMovesOn,
  sentAwayIsHeard,
  poolFits,
  offersAreTaken,
  noHastyStreams,
  countsAreTrue,
  fewTimers,
  nothingLeft,
];
