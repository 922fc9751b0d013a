import { createActor, fromCallback, fromPromise, type EventObject } from 'xstate';
import { describe, expect, it } from 'vitest';
import { storeBackoffMs, storeLinkMachine, type DialVerdict } from '../../../statecharts/index.ts';
import { stateName } from '../../../src/supervisor/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';

const input = { name: 'commands', triesMax: 3, dialMs: 5_000, probeMs: 3_000, probeAnswerMs: 2_000 };
type Named = { readonly name: string; readonly incarnation: number };
const connected: DialVerdict = { kind: 'connected' };
const unreachable: DialVerdict = { kind: 'unreachable', reason: 'nobody there' };
const refused: DialVerdict = { kind: 'refused', reason: 'wrong password' };

/** The chart with what it asks for answered by hand. */
class Played {
  readonly clock = new VirtualClock();
  readonly done: string[] = [];
  readonly #asked = new Map<string, (outcome: unknown) => void>();
  readonly #failed = new Map<string, (error: Error) => void>();
  readonly actor = createActor(
    storeLinkMachine.provide({
      actors: {
        dial: fromPromise<DialVerdict, Named>(() => this.#ask('dial')),
        probe: fromPromise<void, Named>(() => this.#ask('probe')),
        finish: fromPromise<void, Named>(() => this.#ask('finish')),
      },
      actions: {
        announce: (_, { incarnation }) => void this.done.push(`announce ${incarnation}`),
        withdraw: (_, { incarnation }) => void this.done.push(`withdraw ${incarnation}`),
        reportTrouble: (_, { reason }) => void this.done.push(`trouble: ${reason}`),
      },
    }),
    { input, clock: this.clock },
  ).start();

  get state(): string {
    return stateName(this.actor.getSnapshot().value);
  }

  get output(): unknown {
    return this.actor.getSnapshot().output;
  }

  async answer(what: string, outcome?: unknown): Promise<this> {
    this.#asked.get(what)?.(outcome);
    await settled();
    return this;
  }

  async fail(what: string, message: string): Promise<this> {
    this.#failed.get(what)?.(new Error(message));
    await settled();
    return this;
  }

  wait(ms: number): this {
    this.clock.advance(ms);
    return this;
  }

  lose(incarnation: number): this {
    this.actor.send({ type: 'connection.lost', incarnation, reason: 'reset' });
    return this;
  }

  #ask<T>(what: string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#asked.set(what, resolve as (outcome: unknown) => void);
      this.#failed.set(what, reject);
    });
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('at the start', () => {
  it('gives up after its tries, with the last reason', async () => {
    const link = new Played();
    await link.answer('dial', unreachable);
    expect(link.state).toBe('connecting.waiting');
    link.wait(storeBackoffMs(1) - 1);
    expect(link.state).toBe('connecting.waiting');
    link.wait(1);
    expect(link.state).toBe('connecting.dialing');
    link.wait(input.dialMs).wait(storeBackoffMs(2));
    await link.answer('dial', unreachable);
    expect(link.output).toEqual({ kind: 'failed', reason: 'nobody there' });
    expect(link.done).toEqual([]);
  });

  it('gives up when the last try is not answered', () => {
    const link = new Played();
    for (let tried = 1; tried <= 3; tried++) link.wait(input.dialMs).wait(storeBackoffMs(tried));
    expect(link.output).toEqual({ kind: 'failed', reason: 'Redis did not answer in time' });
  });

  it('does not try again where it is refused', async () => {
    const link = await new Played().answer('dial', refused);
    expect(link.output).toEqual({ kind: 'failed', reason: 'wrong password' });
  });

  it('whose last try is not answered says so, whatever was wrong before', async () => {
    const link = await new Played().answer('dial', unreachable);
    link.wait(storeBackoffMs(1));
    await link.answer('dial', unreachable);
    link.wait(storeBackoffMs(2)).wait(input.dialMs);
    expect(link.output).toEqual({ kind: 'failed', reason: 'Redis did not answer in time' });
  });

  it('fails with the reason when dialling crashes', async () => {
    const link = await new Played().fail('dial', 'a bug');
    expect(link.output).toEqual({ kind: 'failed', reason: 'a bug' });
  });

  it('stops while it dials', () => {
    const link = new Played();
    link.actor.send({ type: 'stop.requested' });
    expect(link.output).toEqual({ kind: 'stopped' });
  });
});

describe('once it was ready', () => {
  it('never gives up, whatever it is told', async () => {
    const link = await new Played().answer('dial', connected);
    link.lose(1);
    expect(link.done).toEqual(['announce 1', 'withdraw 1', 'trouble: reset']);
    for (let tried = 0; tried < 20; tried++) {
      link.wait(storeBackoffMs(tried + 1));
      expect(link.state).toBe('degraded.dialing');
      await link.answer('dial', tried % 2 === 0 ? refused : unreachable);
      expect(link.state).toBe('degraded.waiting');
    }
    link.wait(storeBackoffMs(99));
    await link.answer('dial', connected);
    expect(link.state).toBe('ready.quiet');
    expect(link.done.at(-1)).toBe('announce 22');
  });

  it.each(['silence', 'crash'])('dials again after the %s of a dial, later each time', async (trouble) => {
    const link = await new Played().answer('dial', connected);
    link.lose(1);
    for (const failures of [1, 2, 3]) {
      link.wait(storeBackoffMs(failures) - 1);
      expect(link.state).toBe('degraded.waiting');
      expect(link.wait(1).state).toBe('degraded.dialing');
      if (trouble === 'silence') link.wait(input.dialMs);
      else await link.fail('dial', 'a bug');
      expect(link.state).toBe('degraded.waiting');
    }
  });

  it('is not moved by the end of a former connection', async () => {
    const link = await new Played().answer('dial', connected);
    link.lose(1).wait(storeBackoffMs(1));
    await link.answer('dial', connected);
    expect(link.lose(1).state).toBe('ready.quiet');
    expect(link.lose(2).state).toBe('degraded.waiting');
  });

  it('waits longer each time a connection does not last, and forgets that when one does', async () => {
    const link = await new Played().answer('dial', connected);
    for (const failures of [1, 2, 3]) {
      link.lose(failures).wait(storeBackoffMs(failures) - 1);
      expect(link.state).toBe('degraded.waiting');
      await link.wait(1).answer('dial', connected);
      expect(link.state).toBe('ready.quiet');
    }
    for (let asked = 0; asked < 7; asked++) await link.wait(input.probeMs).answer('probe');
    await link.lose(4).wait(storeBackoffMs(0)).answer('dial', connected);
    expect(link.state).toBe('ready.quiet');
  });

  it('leaves a connection that gives no sign of life, in time or at all', async () => {
    const link = await new Played().answer('dial', connected);
    await link.wait(input.probeMs).answer('probe');
    expect(link.state).toBe('ready.quiet');
    link.wait(input.probeMs).wait(input.probeAnswerMs);
    expect(link.done.at(-1)).toBe('trouble: Redis did not answer in time');
    await link.wait(storeBackoffMs(1)).answer('dial', connected);
    await link.wait(input.probeMs).fail('probe', 'it leads to a replica now');
    expect(link.done.at(-1)).toBe('trouble: it leads to a replica now');
  });
});

it('has failed when its sockets crash: its supervisor starts it anew', () => {
  const broken = storeLinkMachine.provide({
    actors: {
      sockets: fromCallback<EventObject, { name: string }>(() => {
        throw new Error('a bug');
      }),
    },
  });
  const actor = createActor(broken, { input, clock: new VirtualClock() }).start();
  expect(actor.getSnapshot().output).toMatchObject({ kind: 'failed' });
});

describe('a stop', () => {
  it('finishes what was handed over before it lets go', async () => {
    const link = await new Played().answer('dial', connected);
    link.actor.send({ type: 'stop.requested' });
    expect(link.state).toBe('finishing');
    expect(link.done).toEqual(['announce 1']);
    await link.answer('finish');
    expect(link.output).toEqual({ kind: 'stopped' });
  });

  it.each(['deadline', 'loss', 'second request'])('ends by a %s too', async (by) => {
    const link = await new Played().answer('dial', connected);
    link.actor.send({ type: 'stop.requested' });
    if (by === 'deadline') link.wait(5_000);
    if (by === 'loss') link.lose(1);
    if (by === 'second request') link.actor.send({ type: 'stop.requested' });
    expect(link.output).toEqual({ kind: 'stopped' });
  });

  it('is not ended by the loss of a former connection', async () => {
    const link = await new Played().answer('dial', connected);
    link.lose(1).wait(storeBackoffMs(1));
    await link.answer('dial', connected);
    link.actor.send({ type: 'stop.requested' });
    expect(link.lose(1).state).toBe('finishing');
  });

  it('ends when finishing fails', async () => {
    const link = await new Played().answer('dial', connected);
    link.actor.send({ type: 'stop.requested' });
    await link.fail('finish', 'cut');
    expect(link.output).toEqual({ kind: 'stopped' });
  });
});
