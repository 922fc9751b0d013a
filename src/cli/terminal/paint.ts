/** Colours for those who see them: `styleText` leaves them out where the stream is no terminal, and where NO_COLOR asks for it. */
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan' | 'magenta';
export type Paint = (style: Style, text: string) => string;

/** Where a command writes. */
export type Out = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

export interface Terminal {
  readonly stdout: Out;
  readonly stderr: NodeJS.WritableStream;
}

export function paintFor(stdout: Out): Paint {
  return (style, text) => styleText(style, text, { stream: stdout });
}

/** Columns of the terminal; no bound where there is none, so that what is piped on is whole. */
export function widthOf({ isTTY, columns }: Out): number {
  return isTTY === true && columns !== undefined && columns > 0 ? columns : Number.POSITIVE_INFINITY;
}
