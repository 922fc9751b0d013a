/**
 * Text of others, made fit for logs, terminals and messages: on one line, without control characters and marks that turn the
 * direction of text, not longer than allowed.
 */

/** Beside the control characters: line and paragraph separators, directional marks, what is invisible, lone surrogates. */
const harmful = /[\p{Cc}\p{Cs}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/gu;
/** Nearly all names and most messages. */
const plain = /^[!-~](?:[ -~]*[!-~])?$/;
const ellipsis = '…';

/** The text within so many bytes of UTF-8; what was cut off is shown by an ellipsis. */
export function harmlessText(text: string, bytesMax: number): string {
  if (text.length <= bytesMax && plain.test(text)) return text;
  // No more than one code unit per byte can stay, so the rest need not be looked at.
  const clean = text
    .slice(0, bytesMax + 1)
    .replace(harmful, ' ')
    .trim();
  const bytes = Buffer.from(clean);
  if (bytes.length <= bytesMax) return clean;
  let end = Math.max(0, bytesMax - Buffer.byteLength(ellipsis));
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1; // not in the middle of a character
  return `${bytes.toString('utf8', 0, end)}${ellipsis}`;
}
