/**
 * Lists in brackets, maps in braces and quoted text that run over several lines may stand further left than the block around
 * them in Go's YAML readers, and do in many files: a closing bracket under its key, JSON pasted as a value. The parser
 * used here insists on YAML's own rule. Such a line is indented and the text read again: blanks at the start of a line mean
 * nothing inside brackets and quotes, so nothing but the parser's verdict changes.
 */
import { YAMLException } from 'js-yaml';

/** Lines that may stand too far left in one text; each costs one more reading. */
const linesMax = 1_000;

/** Reads a text with `load`, lines that stand too far left included. Throws what `load` throws for everything else. */
export function withLooseFlow<T>(text: string, load: (text: string) => T): T {
  try {
    return load(text);
  } catch (error) {
    if (!isTooFarLeft(error)) throw error;
    return new Indenting(text).read(load, error);
  }
}

class Indenting {
  readonly #lines: string[];
  readonly #indentation: string;

  constructor(text: string) {
    this.#lines = text.split('\n');
    const deepest = Math.max(...this.#lines.map((line) => line.length - line.trimStart().length));
    this.#indentation = ' '.repeat(deepest + 1);
  }

  read<T>(load: (text: string) => T, first: TooFarLeft): T {
    let last = first;
    const seen = new Set<number>();
    while (seen.size < linesMax) {
      const { line } = last.mark;
      // A line that is still too far left will not be mended by moving it again.
      if (seen.has(line)) break;
      seen.add(line);
      this.#lines[line] = this.#indentation + (this.#lines[line] ?? '').trimStart();
      try {
        return load(this.#lines.join('\n'));
      } catch (error) {
        if (!isTooFarLeft(error)) throw error;
        last = error;
      }
    }
    throw last;
  }
}

type TooFarLeft = YAMLException & { readonly mark: NonNullable<YAMLException['mark']> };

function isTooFarLeft(error: unknown): error is TooFarLeft {
  return (
    error instanceof YAMLException && error.reason === 'deficient indentation' && error.mark !== undefined
  );
}
