/** All of them. Two more are upheld where they can break: `no-unexpected-error` (quiet.ts) and `no-give-up` (the hosts). */
import { connectedAfterHealing } from './connected-after-healing.ts';
import { deliveredOnce } from './delivered-once.ts';
import { dialsAreBounded } from './dials-are-bounded.ts';
import { everyRequestEnds } from './every-request-ends.ts';
import { gitInTheCluster } from './git-in-the-cluster.ts';
import type { Invariant } from './invariant.ts';
import { newestConfiguration } from './newest-configuration.ts';
import { noGivingUp } from './no-giving-up.ts';
import { nothingLeft } from './nothing-left.ts';
import { nothingLost } from './nothing-lost.ts';
import { oneEntryPerPod } from './one-entry-per-pod.ts';
import { oneRequestPerTunnel } from './one-request-per-tunnel.ts';
import { rightAgent } from './right-agent.ts';
import { trueAnswers } from './true-answers.ts';
import { userGone } from './user-gone.ts';

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
  nothingLeft,
];
