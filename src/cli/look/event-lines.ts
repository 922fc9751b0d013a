/** Events as lines: for people, or a JSON object each. What is about the feed itself goes to stderr, so that output stays what it is. */
import { changeText, eventText } from '../../inspect/index.ts';
import { harmlessText } from '../../protocol/index.ts';
import type { NewsLine, Step } from '../remote/shapes.ts';
import { clockTime } from '../terminal/age.ts';
import { paintFor, widthOf, type Paint, type Style, type Terminal } from '../terminal/paint.ts';
import { structuredText } from '../terminal/structured.ts';
import { lineOf } from '../terminal/table.ts';
import { toneOf } from './agents.ts';

const nameBytesMax = 100;

export class EventLines {
  readonly #terminal: Terminal;
  readonly #isJson: boolean;
  readonly #paint: Paint;
  #isLost = false;

  constructor(terminal: Terminal, isJson: boolean) {
    this.#terminal = terminal;
    this.#isJson = isJson;
    this.#paint = paintFor(terminal.stdout);
  }

  news(line: NewsLine): void {
    if (this.#isJson) return this.#json(line);
    const { at, kind, name, from, to, about, reason } = line;
    const style = kind === 'agent' ? toneOf(to) : outcomeStyle(to);
    const subject = kind === 'supervisor' ? `${about}/${name}` : name;
    const what =
      kind === 'project'
        ? [`${about}@${from.slice(0, 10)}`, to]
        : kind === 'agent'
          ? [`${from} →`, to]
          : ['', to];
    this.#line(at, kind, subject, [
      what[0] ?? '',
      { text: what[1] ?? '', style },
      reason === '' ? '' : `(${reason})`,
    ]);
  }

  step(sessionId: string, chart: string, step: Step): void {
    if (this.#isJson) return this.#json({ sessionId, chart, ...step });
    const { at, event, from, to } = step;
    this.#line(at, chart, eventText(event), [changeText(from, to)]);
  }

  /** About the feed. */
  note(text: string): void {
    this.#terminal.stderr.write(`kastor: ${text}\n`);
  }

  /** Said once, however often it is tried again. */
  lost(reason: string): void {
    if (!this.#isLost) this.note(`connection lost: ${reason}. Trying again; Ctrl-C ends it`);
    this.#isLost = true;
  }

  back(): void {
    this.note('connected again');
    this.#isLost = false;
  }

  #json(value: object): void {
    this.#terminal.stdout.write(structuredText(value, 'json', true));
  }

  #line(
    at: number,
    kind: string,
    subject: string,
    rest: readonly (string | { readonly text: string; readonly style: Style })[],
  ): void {
    const head = `${clockTime(at, Date.now())}  ${kind.padEnd(10)}  ${harmlessText(subject, nameBytesMax).padEnd(20)}  `;
    let room = widthOf(this.#terminal.stdout) - head.length;
    const parts: string[] = [];
    for (const part of rest) {
      const text = lineOf(typeof part === 'string' ? part : part.text, Math.max(1, room));
      if (text === '' || room <= 1) continue;
      room -= text.length + 1;
      parts.push(typeof part === 'string' ? text : this.#paint(part.style, text));
    }
    const [time = '', ...others] = head.split('  ');
    this.#terminal.stdout.write(`${this.#paint('dim', time)}  ${others.join('  ')}${parts.join(' ')}\n`);
  }
}

function outcomeStyle(to: string): Style {
  if (to === 'synced') return 'green';
  return to === 'held' || to === 'restarting' ? 'yellow' : 'red';
}
