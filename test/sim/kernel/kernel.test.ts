import { describe, expect, it } from 'vitest';
import { Kernel, SeededRandom, traceText } from '../../../src/sim/kernel/index.ts';

describe('the kernel of simulations', () => {
  it('steps to each planned moment, so a repeating timer fires as often as in real life', async () => {
    const kernel = new Kernel({ seed: 1 });
    const fired: number[] = [];
    await kernel.run(() => {
      const again = () => {
        fired.push(kernel.clock.monotonic());
        kernel.clock.setTimeout(again, 100);
      };
      kernel.clock.setTimeout(again, 100);
      kernel.advance(1000);
    });
    expect(fired).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
    expect(kernel.planned).toBe(1);
  });

  it('draws the order of what happens at one instant from the seed, and repeats it', async () => {
    const orderOf = async (seed: number) => {
      const kernel = new Kernel({ seed });
      const order: number[] = [];
      await kernel.run(() => {
        for (let n = 0; n < 6; n++) kernel.at(5, () => order.push(n));
        kernel.advance(5);
      });
      return order.join();
    };
    const orders = await Promise.all([1, 2, 3, 4, 5, 6].map(orderOf));
    expect(new Set(orders).size).toBeGreaterThan(3);
    expect(await Promise.all([1, 2, 3, 4, 5, 6].map(orderOf))).toEqual(orders);
  });

  it('lets promises, ticks and immediates finish before the next step', async () => {
    const kernel = new Kernel({ seed: 1, keepTrace: true });
    await kernel.run(() => {
      kernel.at(1, () => {
        setImmediate((word: string) => kernel.log(word), 'immediate');
        void Promise.resolve()
          .then(() => kernel.log('promise'))
          .then(() => process.nextTick(() => kernel.log('tick')));
        kernel.log('step');
      });
      kernel.at(2, () => kernel.log('next step'));
      kernel.advance(10);
    });
    const words = kernel.trace.latest().map(({ text }) => text);
    expect(words).toEqual(['step', 'promise', 'tick', 'immediate', 'next step']);
    expect(kernel.nowMs).toBe(10);
  });

  it('gives setImmediate back', async () => {
    const kernel = new Kernel({ seed: 1 });
    const before = globalThis.setImmediate;
    await kernel.run(() => expect(globalThis.setImmediate).not.toBe(before));
    expect(globalThis.setImmediate).toBe(before);
  });

  it('ends at the first failure, of a check, an exception or a livelock', async () => {
    const failureOf = async (plan: (kernel: Kernel) => void) => {
      const kernel = new Kernel({ seed: 1 });
      await kernel.run(() => {
        plan(kernel);
        expect(kernel.advance(100)).toBe(false);
      });
      return kernel.failure;
    };
    const checked = await failureOf((kernel) => {
      let done = 0;
      kernel.check(() => done > 1 && kernel.fail('too-much', `${done} done`));
      for (let n = 1; n < 5; n++) kernel.at(n, () => done++);
    });
    expect(checked).toEqual({ id: 'too-much', text: '2 done', atMs: 2 });
    const thrown = await failureOf((kernel) =>
      kernel.at(3, () => {
        throw new Error('a bug');
      }),
    );
    expect(thrown?.id).toBe('exception');
    expect(thrown?.text).toContain('a bug');
    const still = await failureOf((kernel) => {
      const again = () => kernel.at(0, again);
      kernel.at(0, again);
    });
    expect(still?.id).toBe('livelock');
  });

  it('forgets cancelled steps', async () => {
    const kernel = new Kernel({ seed: 1 });
    const handle = kernel.clock.setTimeout(() => kernel.log('never'), 5);
    kernel.clock.clearTimeout(handle);
    kernel.clock.clearTimeout(handle);
    await kernel.run(() => kernel.advance(10));
    expect(kernel.planned).toBe(0);
    expect(kernel.trace.count).toBe(0);
  });

  it('shows skewed clocks their own wall time', () => {
    const kernel = new Kernel({ seed: 1, epochMs: 1000 });
    let skew = 5;
    const clock = kernel.clockOf(() => skew, 1000);
    expect([kernel.clock.now(), clock.now()]).toEqual([1000, 1005]);
    skew = -7;
    expect([clock.now(), clock.monotonic()]).toEqual([993, 0]);
  });
});

describe('the trace', () => {
  it('has a hash of every line, also of those no longer kept', async () => {
    const hashOf = (first: string) => {
      const kernel = new Kernel({ seed: 1 });
      for (let n = 0; n < 1000; n++) kernel.log(n === 0 ? first : `line ${n}`);
      return { hash: kernel.trace.hash, last: kernel.trace.latest(2).map(traceText) };
    };
    const one = hashOf('one');
    expect(one).toEqual(hashOf('one'));
    expect(one.hash).not.toBe(hashOf('other').hash);
    expect(one.last).toEqual(['     0.000s line 998', '     0.000s line 999']);
  });
});

describe('seeded randomness', () => {
  it('has streams that do not disturb one another', () => {
    const drawn = (others: number) => {
      const root = new SeededRandom(7);
      for (let n = 0; n < others; n++) root.fork('other').next();
      const mine = root.fork('mine');
      return [mine.u32(), mine.below(10), mine.int63(), mine.between(2, 3)];
    };
    expect(drawn(0)).toEqual(drawn(5));
    expect(new SeededRandom(7).fork('a').u32()).not.toBe(new SeededRandom(7).fork('b').u32());
    expect(new SeededRandom(7).fork('a').u32()).not.toBe(new SeededRandom(8).fork('a').u32());
  });

  it('is spread as it says', () => {
    const random = new SeededRandom(3);
    let sum = 0;
    for (let n = 0; n < 20_000; n++) sum += random.around(50);
    expect(sum / 20_000).toBeGreaterThan(48);
    expect(sum / 20_000).toBeLessThan(52);
    const picks = Array.from({ length: 300 }, () => random.pick(['a', 'b', 'c']));
    expect(new Set(picks).size).toBe(3);
  });
});
