/** Texts for people about many things: the first few, how many more, and nothing that could disturb a log. */
import { gitopsLimits } from './limits.ts';

export function toldList(texts: readonly string[]): string {
  const shown = texts.slice(0, gitopsLimits.toldMax).map(harmless);
  const more = texts.length - shown.length;
  return shown.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

/** Text of repositories and clusters: bounded, on one line, without control characters. */
export function harmless(text: string): string {
  const { textCharactersMax } = gitopsLimits;
  const bounded = text.length > textCharactersMax ? `${text.slice(0, textCharactersMax)}…` : text;
  return bounded.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
