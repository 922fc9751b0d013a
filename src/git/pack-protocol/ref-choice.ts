/**
 * Finds one ref among those a server lists, without keeping the list (`spec/gitlab.md §3.5`).
 *
 * 1. Names are exact; only `HEAD` has fall-backs.
 * 2. Of an annotated tag the commit is taken, not the tag: what is shown as a commit is one.
 * 3. A server without any ref has an empty repository, which is no failure.
 */
import type { ResolvedRef } from '../../ports/index.ts';
import { refNamesToTry } from './ref-name.ts';

const oidPattern = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const peeledMark = '^{}';

export class RefChoice {
  readonly #wanted: string;
  /** In the order of preference. */
  readonly #names: readonly string[];
  readonly #found = new Map<string, string>();
  /** Bytes of the names that matter. */
  readonly #lengths: ReadonlySet<number>;
  #refs = 0;
  #decided = false;

  constructor(wanted: string) {
    this.#wanted = wanted;
    this.#names = refNamesToTry(wanted);
    this.#lengths = new Set(
      this.#names.flatMap((name) => [Buffer.byteLength(name), Buffer.byteLength(name) + peeledMark.length]),
    );
  }

  /**
   * Passes over the line of a ref that cannot matter, by its length alone: a repository may have a hundred thousand. False
   * when the line must be read.
   */
  pass(line: Buffer): boolean {
    if (this.#found.size > 0 || !isLowerHex(line[0])) return false;
    const nameAt = (line[40] === 0x20 ? 40 : line[64] === 0x20 ? 64 : line.length) + 1;
    const nameBytes = line.length - nameAt - (line.at(-1) === 0x0a ? 1 : 0);
    if (nameBytes <= 0 || this.#lengths.has(nameBytes)) return false;
    this.#refs += 1;
    return true;
  }

  /** Whether nothing that may still come can change the answer. */
  get decided(): boolean {
    return this.#decided;
  }

  /** Takes a ref of the list; `false` when it is none. A peeled tag comes as `name^{}` behind its tag. */
  offer(name: string, oid: string): boolean {
    if (!oidPattern.test(oid)) return false;
    // The mark of newer git for a repository without refs (3).
    if (name === `capabilities${peeledMark}`) return true;
    this.#refs += 1;
    const [first = ''] = this.#names;
    if (name === `${first}${peeledMark}`) {
      this.#found.set(first, oid); // 2
      this.#decided = true;
      return true;
    }
    // The line behind a tag was not its peeled one.
    if (this.#found.has(first)) {
      this.#decided = true;
      return true;
    }
    if (!this.#names.includes(name)) return true; // 1
    this.#found.set(name, oid);
    this.#decided = name === first && !name.startsWith('refs/tags/');
    return true;
  }

  /** The answer from what was offered. */
  answer(): ResolvedRef {
    const name = this.#names.find((one) => this.#found.has(one));
    const commitId = name === undefined ? undefined : this.#found.get(name);
    if (commitId !== undefined) return { kind: 'commit', commitId };
    if (this.#refs === 0) return { kind: 'empty' };
    return { kind: 'notFound', reason: this.#wanted };
  }
}

function isLowerHex(byte = 0): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
}
