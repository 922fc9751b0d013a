/**
 * Globs of manifest projects, with the meaning of the originals' library (`spec/agentk.md §5.2`): `*`, `?`, `[a-z]`, `[^a]`
 * stay within a path component, `**` alone in a component stands for any number of them, `{a,b}` chooses, `\` takes the next
 * character as it is. Everything is matched in time proportional to pattern times path: globs are written by strangers.
 */
import { gitopsLimits } from './limits.ts';

type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'char'; readonly char: string }
  | {
      readonly kind: 'class';
      readonly negated: boolean;
      readonly ranges: readonly (readonly [string, string])[];
    };
type Component = 'anyDepth' | readonly Token[];

export type Glob =
  | { readonly kind: 'glob'; matches(path: string): boolean }
  | { readonly kind: 'invalid'; readonly reason: string };

class SyntaxFault extends Error {}

/** Reads a glob; what it cannot mean is said. */
export function parseGlob(pattern: string): Glob {
  if (pattern.length > gitopsLimits.globCharactersMax) {
    return { kind: 'invalid', reason: `longer than ${gitopsLimits.globCharactersMax} characters` };
  }
  try {
    const alternatives = alternativesOf(pattern).map((each) => splitUnescaped(each, '/').map(componentOf));
    return {
      kind: 'glob',
      matches: (path) => {
        const components = path.split('/').map((each) => Array.from(each));
        return alternatives.some((each) => matchPath(each, components));
      },
    };
  } catch (error) {
    if (error instanceof SyntaxFault) return { kind: 'invalid', reason: error.message };
    throw error;
  }
}

/** Writes out the braces. */
function alternativesOf(pattern: string): string[] {
  const done: string[] = [];
  const todo = [pattern];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (done.length + todo.length > gitopsLimits.globAlternativesMax) {
      throw new SyntaxFault(`braces make more than ${gitopsLimits.globAlternativesMax} alternatives`);
    }
    const brace = firstBrace(next);
    if (brace === undefined) done.push(next);
    else {
      const { before, choices, after } = brace;
      for (const choice of choices.toReversed()) todo.push(before + choice + after);
    }
  }
  return done;
}

function firstBrace(pattern: string) {
  let open = -1;
  let depth = 0;
  let from = 0;
  const choices: string[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at];
    if (char === '\\') at += 1;
    else if (char === '[') at = classEnd(pattern, at);
    else if (char === '{') {
      if (depth === 0) {
        open = at;
        from = at + 1;
      }
      depth += 1;
    } else if (depth > 0 && char === '}') {
      depth -= 1;
      if (depth > 0) continue;
      choices.push(pattern.slice(from, at));
      return { before: pattern.slice(0, open), choices, after: pattern.slice(at + 1) };
    } else if (depth === 1 && char === ',') {
      choices.push(pattern.slice(from, at));
      from = at + 1;
    }
  }
  if (depth > 0) throw new SyntaxFault('syntax error in pattern: a brace is not closed');
  return undefined;
}

/** Index of the bracket that closes the class opened at `from`. */
function classEnd(pattern: string, from: number): number {
  for (let at = from + 1; at < pattern.length; at += 1) {
    if (pattern[at] === '\\') at += 1;
    else if (pattern[at] === ']') return at;
  }
  throw new SyntaxFault('syntax error in pattern: a bracket is not closed');
}

function splitUnescaped(pattern: string, separator: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < pattern.length; at += 1) {
    if (pattern[at] === '\\') at += 1;
    else if (pattern[at] === '[') at = classEnd(pattern, at);
    else if (pattern[at] === separator) {
      parts.push(pattern.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, pattern.slice(from)];
}

function componentOf(text: string): Component {
  if (text === '**') return 'anyDepth';
  const tokens: Token[] = [];
  const chars = Array.from(text);
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? '';
    if (char === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
    } else if (char === '?') tokens.push({ kind: 'any' });
    else if (char === '[') {
      const end = classIn(chars, at);
      tokens.push(end.token);
      at = end.at;
    } else {
      if (char === '\\') at += 1;
      const taken = chars[at];
      if (taken === undefined) throw new SyntaxFault('syntax error in pattern: nothing follows the last \\');
      tokens.push({ kind: 'char', char: taken });
    }
  }
  return tokens;
}

function classIn(chars: readonly string[], from: number): { readonly token: Token; readonly at: number } {
  let at = from + 1;
  const negated = chars[at] === '^';
  if (negated) at += 1;
  const ranges: (readonly [string, string])[] = [];
  const one = (): string => {
    const escaped = chars[at] === '\\';
    if (escaped) at += 1;
    const char = chars[at];
    if (char === undefined || (!escaped && (char === '-' || char === ']'))) {
      throw new SyntaxFault('syntax error in pattern: a bracket holds a stray - or ]');
    }
    at += 1;
    return char;
  };
  while (chars[at] !== ']') {
    const low = one();
    if (chars[at] === '-') {
      at += 1;
      ranges.push([low, one()]);
    } else ranges.push([low, low]);
  }
  if (ranges.length === 0 && !negated) throw new SyntaxFault('syntax error in pattern: a bracket is empty');
  return { token: { kind: 'class', negated, ranges }, at };
}

/** Greedy with one place to go back to, over components: `anyDepth` is to components what a star is to characters. */
function matchPath(pattern: readonly Component[], path: readonly (readonly string[])[]): boolean {
  return greedy(
    pattern,
    path,
    (part) => part === 'anyDepth',
    (part, component) => part !== 'anyDepth' && matchComponent(part, component),
    // `a/**` wants something below a, though `**` in the middle may stand for nothing.
    false,
  );
}

function matchComponent(pattern: readonly Token[], component: readonly string[]): boolean {
  return greedy(pattern, component, (token) => token.kind === 'star', matchChar, true);
}

function matchChar(token: Token, char: string): boolean {
  if (token.kind === 'any') return true;
  if (token.kind === 'char') return token.char === char;
  if (token.kind === 'star') return false;
  return token.ranges.some(([low, high]) => low <= char && char <= high) !== token.negated;
}

function greedy<Part, Item>(
  pattern: readonly Part[],
  items: readonly Item[],
  isStar: (part: Part) => boolean,
  fits: (part: Part, item: Item) => boolean,
  lastMayBeEmpty: boolean,
): boolean {
  let p = 0;
  let back: { readonly p: number; i: number } | undefined;
  for (let i = 0; i < items.length;) {
    const part = pattern[p];
    const item = items[i];
    if (part !== undefined && isStar(part)) {
      back = { p, i };
      p += 1;
    } else if (part !== undefined && item !== undefined && fits(part, item)) {
      p += 1;
      i += 1;
    } else if (back !== undefined) {
      back.i += 1;
      p = back.p + 1;
      ({ i } = back);
    } else return false;
  }
  return p === pattern.length || (lastMayBeEmpty && pattern.slice(p).every((part) => isStar(part)));
}
