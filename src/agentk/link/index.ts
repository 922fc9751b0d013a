/** The one connection to kas: its address, its life, and the board where others find it. */
export { createAgentLinkLogic, type AgentLinkDeps } from './agent-link.actor.ts';
export { followLink, type LinkRestored } from './follow-link.ts';
export { parseKasAddress, parseKasHeaders, type KasAddress } from './kas-address.ts';
export { authorityOf, type KasTarget, type KasTls } from './kas-connection.ts';
export { KasSockets } from './kas-sockets.ts';
export { LinkBoard, type LiveLink, type Standing } from './link-board.ts';
export { LinkJournal } from './link-journal.ts';
