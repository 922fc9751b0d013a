/**
 * What a doctor finds, one rung after the other: what was seen, how long it took, and where something is broken the cause in
 * one sentence and how to mend it. Texts come from the network and from files: `shown` makes them harmless once, here.
 *
 * F1. No finding holds a token, a password, a secret or the value of a header. Who makes one sees to it.
 */
export type Verdict =
  | 'good'
  /** Broken: the doctor's exit code is 1. */
  | 'bad'
  /** Works, and should be known. */
  | 'note'
  /** Not looked at, and why. */
  | 'skipped';

export interface Finding {
  /** What the rung leads to: `kas`, `cluster`, `files`, ... */
  readonly part: string;
  readonly rung: string;
  readonly verdict: Verdict;
  /** The value that was observed, on one line. */
  readonly observed: string;
  readonly tookMs?: number;
  /** More lines, such as the certificates of a chain. */
  readonly details?: readonly string[];
  /** Only with `bad` and `note`. */
  readonly remedy?: string;
}

export class Report {
  readonly #findings: Finding[] = [];
  readonly #onFinding: (finding: Finding) => void;

  /** @param onFinding told of each finding as it is made */
  constructor(onFinding: (finding: Finding) => void) {
    this.#onFinding = onFinding;
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** Nothing is broken. */
  get isGood(): boolean {
    return this.#findings.every(({ verdict }) => verdict !== 'bad');
  }

  add(finding: Finding): void {
    const { observed, details, remedy, tookMs } = finding;
    const harmless: Finding = {
      ...finding,
      observed: shown(observed),
      ...(details === undefined ? {} : { details: details.slice(0, detailsMax).map(shown) }),
      ...(remedy === undefined ? {} : { remedy: shown(remedy) }),
      ...(tookMs === undefined ? {} : { tookMs: Math.round(tookMs) }),
    };
    this.#findings.push(harmless);
    this.#onFinding(harmless);
  }
}

const detailsMax = 64;
const charactersMax = 600;

/** Bounded, on one line, without control characters. */
function shown(text: string): string {
  const bounded = text.length > charactersMax ? `${text.slice(0, charactersMax)}...` : text;
  return bounded.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
}
