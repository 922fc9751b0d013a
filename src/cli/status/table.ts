/** Rows with aligned columns for a terminal. Texts come from agents: what could move the cursor is taken out before they get here. */
import { stripVTControlCharacters } from 'node:util';

const gap = '  ';

/** One line per row, the head first. The last column is as wide as it is. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))));
  return all.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell))))
      .join(gap)
      .trimEnd(),
  );
}

/** Columns it takes: colours none, wide letters of East Asia two. */
function widthOf(cell: string): number {
  let width = 0;
  for (const letter of stripVTControlCharacters(cell)) {
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|\p{Emoji_Presentation}/u.test(
        letter,
      )
        ? 2
        : /\p{Mn}/u.test(letter)
          ? 0
          : 1;
  }
  return width;
}
