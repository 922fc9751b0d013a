/**
 * The parts of an actor that follow the link: it hears of every connection that comes up, as long as it lives, and of the
 * one that is up when it begins to wait.
 */
import { fromCallback } from 'xstate';
import type { LinkBoard } from './link-board.ts';

export interface LinkRestored {
  readonly type: 'link.restored';
  readonly incarnation: number;
}

/**
 * Logic to invoke for a whole life; it sends `link.restored` to its parent.
 * @param leave done when that life ends; gets the input of the invocation
 */
export function followLink<Input = unknown>(board: LinkBoard, leave: (input: Input) => void = () => {}) {
  return fromCallback<{ type: string }, Input>(({ sendBack, input }) => {
    const unsubscribe = board.subscribe((incarnation) =>
      sendBack({ type: 'link.restored', incarnation } satisfies LinkRestored),
    );
    return () => {
      unsubscribe();
      leave(input);
    };
  });
}

/** An action: tells the actor of the connection that is up already. */
export function noticeLink(board: LinkBoard) {
  return ({ self }: { readonly self: { send(event: LinkRestored): void } }): void => {
    const incarnation = board.current?.incarnation;
    if (incarnation !== undefined) self.send({ type: 'link.restored', incarnation });
  };
}
