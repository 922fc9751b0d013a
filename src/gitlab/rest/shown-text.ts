/** Text of others where it is shown to people: on one line, without control characters, bounded. */
import { restLimits } from './limits.ts';

export function shownText(text: string): string {
  const line = text
    .slice(0, restLimits.wordsMax * 4)
    // \p{C}: control, format (text direction among them), private use, unassigned.
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  return line.length > restLimits.wordsMax ? `${line.slice(0, restLimits.wordsMax)}…` : line;
}
