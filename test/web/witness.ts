/**
 * Watches a page from within: notes when what it says changes, by the clock of the machine, which is that of kas. What the
 * machine did not let the page do in time is known too: how long it was kept from running.
 */
import type { Page } from 'playwright-core';
import { until } from '../system/world.ts';

const sayMsMax = 60_000;

/** An expression that reads one thing from the page; it is looked at whenever the page changes. */
export type Probes = Readonly<Record<string, string>>;

interface Seen {
  readonly probe: string;
  readonly value: string;
  readonly at: number;
}

export class Witness {
  readonly #page: Page;

  private constructor(page: Page) {
    this.#page = page;
  }

  static async on(page: Page, probes: Probes): Promise<Witness> {
    const readers = Object.entries(probes).map(
      ([name, read]) => `${JSON.stringify(name)}: () => String(${read})`,
    );
    await page.evaluate(`(() => {
      const readers = { ${readers.join(', ')} };
      const witness = (globalThis.witness = { seen: [], gaps: [] });
      const last = {};
      const look = () => {
        for (const [probe, read] of Object.entries(readers)) {
          const value = read();
          if (last[probe] === value) continue;
          last[probe] = value;
          witness.seen.push({ probe, value, at: Date.now() });
        }
      };
      look();
      new MutationObserver(look).observe(document.documentElement,
        { subtree: true, childList: true, characterData: true, attributes: true });
      let before = performance.now();
      setInterval(() => {
        const now = performance.now();
        witness.gaps.push({ at: Date.now(), ms: now - before });
        before = now;
      }, ${tickMs});
    })()`);
    return new Witness(page);
  }

  /** Waits until the probe has said something like this at or after a moment; answers when it first did. */
  async saw(probe: string, pattern: RegExp, since = 0): Promise<number> {
    const seen = async () =>
      (await this.#page.evaluate<readonly Seen[]>('globalThis.witness.seen')).filter(
        (one) => one.probe === probe,
      );
    let said: readonly Seen[] = [];
    try {
      return await until(`${probe} to say ${pattern}`, sayMsMax, async () => {
        said = await seen();
        return said.find(({ value, at }) => at >= since && pattern.test(value))?.at;
      });
    } catch (error) {
      const values = said.map(({ value }) => value);
      throw new Error(`${probe} never said ${pattern}, but ${JSON.stringify(values)}`, { cause: error });
    }
  }

  /** What the probe says now. */
  async says(probe: string): Promise<string | undefined> {
    const seen = await this.#page.evaluate<readonly Seen[]>('globalThis.witness.seen');
    return seen.findLast((one) => one.probe === probe)?.value;
  }

  /** How long the page could not run between two moments. */
  async lostMs(from: number, to: number): Promise<number> {
    return lostMs(await this.#page.evaluate<readonly Gap[]>('globalThis.witness.gaps'), from, to);
  }
}

/** Between two turns of a timer that is due every `tickMs`. */
export interface Gap {
  readonly at: number;
  readonly ms: number;
}

export const tickMs = 20;

/** What the gaps between two moments have beyond what they should. */
export function lostMs(gaps: readonly Gap[], from: number, to: number): number {
  const during = gaps.filter(({ at, ms }) => at >= from && at - ms <= to);
  return during.reduce((sum, { ms }) => sum + (ms > 2 * tickMs ? ms - tickMs : 0), 0);
}
