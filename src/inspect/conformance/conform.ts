/**
 * Replays a recording through the charts: did the daemon move as its charts say it may?
 *
 * What is proven of a line: the state an actor was in is the one the line before left it in, and some transition of its chart
 * leads from there, with that event, to where the line says, if guards that need payloads or context answer as they would have
 * to. What is not: that those guards did answer so, that actions ran, that nothing happened which was not recorded.
 *
 * C1. The file is whole and in order (`recording.ts` R1); each break names its line.
 * C2. A life begins in a state its chart begins in, and nothing comes after its end.
 * C3. Actors that live for one request may be left out in part; only there, and only where the numbers have a gap, may a
 *     state be other than the line before it left it. A life whose begin was overwritten is judged from its first line on.
 * C4. A chart that was another one when the recording was made judges nothing, and that is said.
 */
import type { AnyStateMachine } from 'xstate';
import type { RecordedTransition } from '../flight-recorder.ts';
import { PossibleSteps } from './possible-steps.ts';
import { chartHash, checkOf, readLine, type RecordingHeader, type RecordingLine } from './recording.ts';

export interface ConformanceChart {
  readonly machine: AnyStateMachine;
  readonly hot?: boolean;
}

export interface ConformanceFinding {
  /** Of the file, from 1; 0 for the file as a whole. */
  readonly line: number;
  readonly actorId: string;
  readonly problem: string;
}

export interface ConformanceReport {
  readonly conforms: boolean;
  readonly header: RecordingHeader | undefined;
  /** Transitions read, and those proven possible. */
  readonly transitions: number;
  readonly proven: number;
  readonly lives: {
    /** From the first state to the last. */
    readonly whole: number;
    readonly unfinished: number;
    /** Their begin was not recorded any more. */
    readonly begunBefore: number;
  };
  /** Places where short lives were recorded in part. */
  readonly gaps: number;
  /** In the order of the file; bounded. */
  readonly findings: readonly ConformanceFinding[];
  readonly findingsHidden: number;
}

interface Life {
  state: string;
  sequence: number;
  line: number;
  isOver: boolean;
  readonly isWhole: boolean;
}

const findingsMax = 100;

/** Takes the lines of a file one by one. */
export class Conformance {
  readonly #charts: ReadonlyMap<string, ConformanceChart>;
  readonly #steps = new Map<string, PossibleSteps>();
  readonly #lives = new Map<string, Life>();
  readonly #findings: ConformanceFinding[] = [];
  readonly #unjudged = new Map<string, number>();
  readonly #counts = { transitions: 0, proven: 0, whole: 0, begunBefore: 0, gaps: 0 };
  #header: RecordingHeader | undefined;
  #hidden = 0;
  #line = 0;
  #check = '';
  #sequence = -1;
  /** Numbers without a line so far. */
  #missing = 0;
  #ended = false;

  constructor(charts: readonly ConformanceChart[]) {
    this.#charts = new Map(charts.map((chart) => [chart.machine.id, chart]));
  }

  take(text: string): void {
    this.#line++;
    const { line, bare } = readLine(text);
    if (this.#ended) this.#find('', 'it comes after the end of the recording');
    if (line.kind === 'unreadable') return this.#find('', line.reason);
    if (line.check !== checkOf(this.#check, bare)) {
      this.#find('', 'its check is wrong: it was changed, or a line before it was moved, left out or added');
    }
    this.#check = line.check; // R1: one change is one finding
    this.#takeLine(line);
  }

  report(): ConformanceReport {
    if (!this.#ended) {
      this.#line++;
      this.#find('', `it should be there: the recording was cut off after line ${this.#line - 1}`);
    }
    if (this.#ended && this.#counts.transitions === 0) {
      this.#find('', 'it holds no transition: nothing can be judged', 0);
    }
    for (const [machine, lines] of this.#unjudged) this.#judgeless(machine, lines);
    const { transitions, proven, whole, begunBefore, gaps } = this.#counts;
    return {
      conforms: this.#findings.length === 0,
      header: this.#header,
      transitions,
      proven,
      lives: {
        whole,
        begunBefore,
        unfinished: [...this.#lives.values()].filter(({ isOver }) => !isOver).length,
      },
      gaps,
      findings: this.#findings,
      findingsHidden: this.#hidden,
    };
  }

  #takeLine(line: Exclude<RecordingLine, { kind: 'unreadable' }>): void {
    if (this.#header === undefined && line.kind !== 'header' && this.#line === 1) {
      this.#find('', 'it should say whose recording this is: the first line is missing');
    }
    if (line.kind === 'transition') return this.#takeTransition(line.transition);
    if (line.kind === 'header') {
      if (this.#line > 1) this.#find('', 'a second recording begins');
      this.#header = line.header;
      return;
    }
    this.#ended = true;
    if (line.lines !== this.#counts.transitions) {
      this.#find('', `it says ${line.lines} transitions, there are ${this.#counts.transitions}`);
    }
  }

  #takeTransition(transition: RecordedTransition): void {
    this.#counts.transitions++;
    const { sequence, actorId, machine } = transition;
    if (sequence <= this.#sequence) {
      this.#find(actorId, `number ${sequence} comes after number ${this.#sequence}: lines were moved`);
    } else {
      this.#missing += sequence - this.#sequence - 1;
      this.#sequence = sequence;
    }
    const chart = this.#charts.get(machine);
    const recorded = this.#header?.charts[machine];
    if (chart === undefined || recorded !== chartHash(chart.machine)) {
      this.#unjudged.set(machine, (this.#unjudged.get(machine) ?? 0) + 1); // C4
      return;
    }
    const steps = this.#stepsOf(chart.machine);
    this.#judge(transition, chart, steps);
  }

  #judge(transition: RecordedTransition, chart: ConformanceChart, steps: PossibleSteps): void {
    const { actorId, from, to, event, sequence } = transition;
    const key = `${chart.machine.id} ${actorId}`;
    const life = this.#lives.get(key);
    const problem =
      from === ''
        ? beginProblem(transition, steps)
        : (this.#continues(transition, chart, life, steps) ?? stepProblem(transition, steps));
    if (problem === undefined) this.#counts.proven++;
    else this.#find(actorId, `${chart.machine.id}, ${from || 'begin'} → ${to} by ${event}: ${problem}`);
    const isOver = steps.isEnd(to);
    const isWhole = from === '' || life?.isWhole === true;
    if (isOver && isWhole) this.#counts.whole++;
    this.#lives.set(key, { state: to, sequence, line: this.#line, isOver, isWhole });
  }

  /** Why the line cannot follow the one before of the same actor. */
  #continues(
    { from, sequence }: RecordedTransition,
    { hot = false }: ConformanceChart,
    life: Life | undefined,
    steps: PossibleSteps,
  ): string | undefined {
    if (life === undefined) {
      if (this.#missing === 0) return 'its life never began, though nothing is missing before this line';
      this.#counts.begunBefore++; // C3
      return undefined;
    }
    if (!life.isOver && steps.canonical(life.state) === steps.canonical(from)) return undefined;
    if (hot && sequence - life.sequence > 1) {
      this.#counts.gaps++; // C3
      return undefined;
    }
    return life.isOver
      ? `its life had ended at line ${life.line}`
      : `line ${life.line} had left it in ${life.state}`;
  }

  #stepsOf(machine: AnyStateMachine): PossibleSteps {
    const steps = this.#steps.get(machine.id) ?? new PossibleSteps(machine);
    this.#steps.set(machine.id, steps);
    return steps;
  }

  #judgeless(machine: string, lines: number): void {
    const recorded = this.#header?.charts[machine];
    const chart = this.#charts.get(machine);
    const why =
      chart === undefined
        ? 'this kastor has no such chart'
        : recorded === undefined
          ? 'the recording does not say which definition it had'
          : `its definition was ${recorded}, here it is ${chartHash(chart.machine)}: use the kastor that came with the daemon`;
    this.#find('', `${machine}: ${lines} transitions cannot be judged: ${why}`, 0);
  }

  #find(actorId: string, problem: string, line = this.#line): void {
    if (this.#findings.length < findingsMax) this.#findings.push({ line, actorId, problem });
    else this.#hidden++;
  }
}

/** C2. */
function beginProblem({ to, event }: RecordedTransition, steps: PossibleSteps): string | undefined {
  if (event !== 'xstate.init') return 'a life begins with xstate.init';
  const state = steps.canonical(to);
  if (state === undefined) return 'there is no such state';
  return steps.beginnings().has(state) ? undefined : 'it does not begin there';
}

function stepProblem({ from, to, event }: RecordedTransition, steps: PossibleSteps): string | undefined {
  const state = steps.canonical(to);
  const possible = steps.after(from, event);
  if (state === undefined || possible === undefined) return 'there is no such state';
  if (possible.has(state)) return undefined;
  const others = [...possible].filter((one) => one !== steps.canonical(from));
  return others.length === 0
    ? 'that event leads nowhere from there'
    : `from there it leads to ${others.slice(0, 3).join(' or ')} only`;
}
