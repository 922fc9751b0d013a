/**
 * Where the documents of a YAML file begin and end, as the originals cut them (`spec/agentk.md §5.4`): at each line that
 * begins with `---`, whatever the YAML around it means. `...` ends nothing: what follows it up to the next `---` is not
 * read by them; here it is told.
 */

/** One document of a file, or a separator line nobody can read. */
export type YamlDocument =
  | {
      readonly kind: 'document';
      readonly text: string;
      /** Line of its first character, counted from 1. */
      readonly line: number;
      /** Line of a `...` with more than comments behind it. */
      readonly lostFromLine: number | undefined;
    }
  | { readonly kind: 'badSeparator'; readonly line: number };

const blank = /^\s*(?:#.*)?$/;

export function* yamlDocuments(text: string): Generator<YamlDocument> {
  let startLine = 1;
  let start = 0;
  let line = 1;
  for (let at = 0; at < text.length; line += 1) {
    const newline = text.indexOf('\n', at);
    const next = newline === -1 ? text.length : newline + 1;
    if (text.startsWith('---', at)) {
      yield document(text.slice(start, at), startLine);
      if (!blank.test(text.slice(at + 3, next))) yield { kind: 'badSeparator', line };
      start = next;
      startLine = line + 1;
    }
    at = next;
  }
  yield document(text.slice(start), startLine);
}

function document(text: string, line: number): YamlDocument {
  const end = /^\.\.\.[ \t]*(?:#.*)?\r?$/m.exec(text);
  if (end === null) return { kind: 'document', text, line, lostFromLine: undefined };
  const behind = text.slice(end.index + end[0].length);
  const lost = behind.split('\n').some((each) => !blank.test(each));
  const endLine = line + text.slice(0, end.index).split('\n').length - 1;
  return {
    kind: 'document',
    text: text.slice(0, end.index),
    line,
    lostFromLine: lost ? endLine : undefined,
  };
}
