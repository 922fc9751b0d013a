/** The one connection to kas: its address, its life, and the board where others find it. */
export { createAgentLinkLogic } from './agent-link.actor.ts';
export { followLink, noticeLink } from './follow-link.ts';
export { parseKasAddress, parseKasHeaders, upgradeHeadersOf } from './kas-address.ts';
export { authorityOf, openConnection, type KasConnection, type KasWay } from './kas-connection.ts';
export { climbToKas, routeTo, type KasTarget } from './kas-ladder.ts';
export { KasSockets } from './kas-sockets.ts';
export { LinkBoard, type LiveLink } from './link-board.ts';
export { describe, type Hop, type LinkFailure } from './link-failure.ts';
export { LinkJournal, refusalRemedies } from './link-journal.ts';
export { ProxyEnvironment } from './proxy-environment.ts';
export type { Sight } from './sight.ts';
