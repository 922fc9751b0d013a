/** The values of a file of concatenated JSON values, found without parsing them; each is parsed for itself then. */

/** One top-level value of a file. */
export interface JsonDocument {
  readonly text: string;
  /** Line and column of its first character, counted from 1. */
  readonly line: number;
  readonly column: number;
}

const separator = /[\s]/;

/** Cuts at the end of each top-level object or list; anything else extends to the next blank or opening bracket. */
export function* jsonDocuments(text: string): Generator<JsonDocument> {
  const place = new Place(text);
  let at = skipBlanks(text, 0);
  while (at < text.length) {
    const end = valueEnd(text, at);
    yield { text: text.slice(at, end), ...place.of(at) };
    at = skipBlanks(text, end);
  }
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && separator.test(text.charAt(at))) at += 1;
  return at;
}

function valueEnd(text: string, from: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = from; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (quoted) {
      if (char === backslash) at += 1;
      else if (char === quote) quoted = false;
    } else if (char === quote) {
      quoted = true;
    } else if (char === openMap || char === openList) {
      if (depth === 0 && at > from) return at;
      depth += 1;
    } else if (char === closeMap || char === closeList) {
      depth -= 1;
      if (depth <= 0) return at + 1;
    } else if (depth === 0 && separator.test(text.charAt(at))) {
      return at;
    }
  }
  return text.length;
}

const quote = 0x22;
const backslash = 0x5c;
const openMap = 0x7b;
const closeMap = 0x7d;
const openList = 0x5b;
const closeList = 0x5d;

/** Lines and columns of growing offsets, counted once over the text. */
export class Place {
  readonly #text: string;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Offsets must not shrink from call to call. */
  of(offset: number): { readonly line: number; readonly column: number } {
    for (;;) {
      const newline = this.#text.indexOf('\n', this.#lineStart);
      if (newline === -1 || newline >= offset) break;
      this.#lineStart = newline + 1;
      this.#line += 1;
    }
    return { line: this.#line, column: offset - this.#lineStart + 1 };
  }
}
