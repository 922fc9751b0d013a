// How wide a text is, near enough, without a font: advance widths of the printable ASCII characters in a plain grotesque
// (thousandths of the size, as in Helvetica and all fonts metric-compatible with it), a little widened for its relatives.
// Drawing fits the text to this width, so a font that is narrower or wider does no harm.
const from = 0x20;
const widths = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
  556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
  500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
  556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
  278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
const unknownWidth = 600;
const widened = { regular: 1.04, medium: 1.07, bold: 1.12 };

export function textWidth(text: string, px: number, weight: keyof typeof widened = 'regular'): number {
  let thousandths = 0;
  for (const character of text) {
    thousandths += widths[(character.codePointAt(0) ?? 0) - from] ?? unknownWidth;
  }
  return Math.ceil((thousandths / 1000) * px * widened[weight] * 2) / 2;
}
