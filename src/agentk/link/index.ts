/** The one connection to kas: its address, its life, and the board where others find it. */
export { createAgentLinkLogic } from './agent-link.actor.ts';
export { followLink } from './follow-link.ts';
export { parseKasAddress, parseKasHeaders, upgradeHeadersOf } from './kas-address.ts';
export { authorityOf } from './kas-connection.ts';
export type { KasTarget } from './kas-ladder.ts';
export { KasSockets } from './kas-sockets.ts';
export { LinkBoard, type LiveLink } from './link-board.ts';
export { LinkJournal } from './link-journal.ts';
export { ProxyEnvironment } from './proxy-environment.ts';
