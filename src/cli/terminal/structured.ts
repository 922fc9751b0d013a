/** Output for programs. What steers a terminal is escaped in JSON, whose readers get it back, and replaced in YAML. */
import { dump } from 'js-yaml';

export type Structured = 'json' | 'yaml';

// oxlint-disable-next-line no-control-regex
const harmful = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * With its line break at the end. One of several that come one after the other is a line of JSON or a document of YAML, and
 * has no time of its own: it would always be news.
 */
export function structuredText(value: object, format: Structured, isOneOfMany = false): string {
  const shown = isOneOfMany ? timeless(value) : value;
  if (format === 'yaml') {
    return `${isOneOfMany ? '---\n' : ''}${dump(harmless(shown), { noRefs: true, lineWidth: -1 })}`;
  }
  const text = JSON.stringify(shown, undefined, isOneOfMany ? undefined : 2);
  return `${text.replace(harmful, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}

function timeless(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'now'));
}

function harmless(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(harmful, '\uFFFD');
  if (Array.isArray(value)) return value.map((one) => harmless(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, harmless(one)]));
}
