/** The part of an actor that follows the link: it hears of every connection that comes up, as long as it lives. */
import { fromCallback } from 'xstate';
import type { LinkBoard } from './link-board.ts';

export interface LinkRestored {
  readonly type: 'link.restored';
  readonly incarnation: number;
}

/** Logic to invoke for a whole life; it sends `link.restored` to its parent. */
export function followLink(board: LinkBoard) {
  return fromCallback(({ sendBack }) =>
    board.subscribe((incarnation) => sendBack({ type: 'link.restored', incarnation } satisfies LinkRestored)),
  );
}
