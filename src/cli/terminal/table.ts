/**
 * Rows with aligned columns for a terminal. Texts come from agents: what could move the cursor is taken out here, and what is
 * too long is cut, columns that may shrink first.
 */
import { stripVTControlCharacters } from 'node:util';
import { harmlessText } from '../../protocol/index.ts';
import type { Paint, Style } from './paint.ts';

export interface Column {
  readonly title: string;
  /** May be cut to make the row fit. */
  readonly shrinks?: boolean;
  /** Numbers stand to the right. */
  readonly right?: boolean;
}

export type Cell = string | { readonly text: string; readonly style: Style };

export interface TableLook {
  readonly paint: Paint;
  /** Columns of the terminal. */
  readonly width: number;
}

const gap = '  ';
const cellBytesMax = 400;
const shrunkMin = 8;

/** One line per row, the head first. The last column is as wide as it is. */
export function tableOf(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { paint, width }: TableLook,
): readonly string[] {
  const texts = rows.map((row) => columns.map((_, index) => textOf(row[index] ?? '')));
  const widths = columns.map(({ title }, index) =>
    Math.max(widthOf(title), ...texts.map((row) => widthOf(row[index] ?? ''))),
  );
  shrink(columns, widths, width);
  const line = (row: readonly string[], styles: readonly (Style | undefined)[]) =>
    row
      .map((text, index) => {
        const fitted = fit(text, widths[index] ?? 0);
        const style = styles[index];
        const shown = style === undefined || fitted === '' ? fitted : paint(style, fitted);
        const room = ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(fitted)));
        return columns[index]?.right === true ? room + shown : shown + room;
      })
      .join(gap)
      .trimEnd();
  const head = line(
    columns.map(({ title }) => title),
    columns.map(() => 'dim'),
  );
  return [
    head,
    ...texts.map((row, at) =>
      line(
        row,
        columns.map((_, index) => styleOf(rows[at]?.[index])),
      ),
    ),
  ];
}

/** Text for a line of its own: harmless, and within the width. */
export function lineOf(text: string, width: number): string {
  return fit(harmlessText(text, 4_000), width);
}

/** Takes from the widest that may shrink until the row fits or nothing is left to take. */
function shrink(columns: readonly Column[], widths: number[], width: number): void {
  let over = widths.reduce((sum, one) => sum + one, gap.length * (widths.length - 1)) - width;
  while (over > 0) {
    let widest = -1;
    for (const [index, { shrinks, title }] of columns.entries()) {
      const least = Math.max(shrunkMin, widthOf(title));
      if (shrinks === true && (widths[index] ?? 0) > least && (widths[index] ?? 0) > (widths[widest] ?? 0))
        widest = index;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
    over -= 1;
  }
}

function textOf(cell: Cell): string {
  return harmlessText(typeof cell === 'string' ? cell : cell.text, cellBytesMax);
}

function styleOf(cell: Cell | undefined): Style | undefined {
  return cell === undefined || typeof cell === 'string' ? undefined : cell.style;
}

function fit(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let fitted = '';
  let taken = 1; // the ellipsis
  for (const letter of text) {
    taken += letterWidth(letter);
    if (taken > width) break;
    fitted += letter;
  }
  return `${fitted}…`;
}

/** Columns it takes: colours none, wide letters of East Asia two. */
function widthOf(cell: string): number {
  if (/^[ -~]*$/.test(cell)) return cell.length;
  let width = 0;
  for (const letter of stripVTControlCharacters(cell)) width += letterWidth(letter);
  return width;
}

function letterWidth(letter: string): number {
  const isWide =
    /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|\p{Emoji_Presentation}/u;
  if (isWide.test(letter)) return 2;
  return /\p{Mn}/u.test(letter) ? 0 : 1;
}
