import { createActor, fromCallback, fromPromise } from 'xstate';
import { describe, expect, it } from 'vitest';
import {
  watchedFilesDelays,
  watchedFilesLimits,
  watchedFilesMachine,
  type FilesVerdict,
} from '../../statecharts/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

const good: FilesVerdict = { kind: 'accepted' };
const bad: FilesVerdict = { kind: 'rejected', reason: 'line 1' };

/** The machine with readings that end when the test says so. */
function started({ brokenWatch = false } = {}) {
  const clock = new VirtualClock();
  const readings: {
    readonly end: (verdict: FilesVerdict) => void;
    readonly fail: (error: Error) => void;
    readonly signal: AbortSignal;
  }[] = [];
  const actor = createActor(
    watchedFilesMachine.provide({
      actors: {
        read: fromPromise<FilesVerdict, { readonly name: string }>(
          ({ signal }) => new Promise((end, fail) => readings.push({ end, fail, signal })),
        ),
        noticeChanges: fromCallback(() => {
          if (brokenWatch) throw new Error('watch broke');
        }),
      },
    }),
    { clock, input: { name: 'f' } },
  );
  actor.start();
  const last = () => {
    const reading = readings.at(-1);
    if (reading === undefined) throw new Error('nothing is being read');
    return reading;
  };
  const end = async (verdict: FilesVerdict) => {
    last().end(verdict);
    await clock.settle();
  };
  return {
    clock,
    actor,
    readings,
    last,
    end,
    state: () => actor.getSnapshot().value,
    change: () => actor.send({ type: 'files.changed' }),
  };
}

describe('the life of watched files', () => {
  it('begins with reading and watches a good file', async () => {
    const { state, end, actor } = started();
    expect(state()).toBe('reading');
    expect(actor.getSnapshot().hasTag('ready')).toBe(false);
    await end(good);
    expect(state()).toBe('watching');
    expect(actor.getSnapshot().hasTag('ready')).toBe(true);
  });

  it('reads a changed file once it is quiet', async () => {
    const { state, end, change, clock, readings } = started();
    await end(good);
    change();
    expect(state()).toBe('settling');
    await clock.advanceAsync(watchedFilesDelays.settleMs - 1);
    change();
    await clock.advanceAsync(watchedFilesDelays.settleMs - 1);
    expect(state()).toBe('settling');
    await clock.advanceAsync(1);
    expect(state()).toBe('reading');
    expect(readings).toHaveLength(2);
  });

  it('reads a file that never rests all the same', async () => {
    const { state, end, change, clock } = started();
    await end(good);
    for (let round = 0; round <= watchedFilesLimits.prolongationsMax; round += 1) {
      change();
      await clock.advanceAsync(watchedFilesDelays.settleMs / 2);
    }
    expect(state()).toBe('settling');
    change();
    await clock.advanceAsync(watchedFilesDelays.settleMs / 2);
    expect(state()).toBe('reading');
  });

  it('reads once more what changed while it was read', async () => {
    const { state, end, change, clock } = started();
    change();
    change();
    await end(bad);
    expect(state()).toBe('settling');
    await clock.advanceAsync(watchedFilesDelays.settleMs);
    await end(good);
    expect(state()).toBe('watching');
  });

  it('keeps why a file is rejected until a good one comes', async () => {
    const { state, end, change, clock, actor } = started();
    await end(bad);
    expect(state()).toBe('rejected');
    expect(actor.getSnapshot().context).toMatchObject({ rejection: 'line 1', rejected: 1, accepted: 0 });
    change();
    await clock.advanceAsync(watchedFilesDelays.settleMs);
    await end(good);
    expect(actor.getSnapshot().context).toMatchObject({ rejection: '', rejected: 1, accepted: 1 });
  });

  it('rejects what cannot be read in time, and what crashes the reader', async () => {
    const { state, last, change, clock, actor } = started();
    await clock.advanceAsync(watchedFilesDelays.readMs);
    expect(state()).toBe('rejected');
    expect(last().signal.aborted).toBe(true);
    change();
    await clock.advanceAsync(watchedFilesDelays.settleMs);
    last().fail(new Error('disk'));
    await clock.settle();
    expect(actor.getSnapshot().context.rejection).toBe('disk');
  });

  it.each(['reading', 'watching', 'rejected', 'settling'])('stops when asked while %s', async (where) => {
    const { state, end, change, actor } = started();
    if (where === 'watching' || where === 'settling') await end(good);
    if (where === 'rejected') await end(bad);
    if (where === 'settling') change();
    expect(state()).toBe(where);
    actor.send({ type: 'stop.requested' });
    expect(actor.getSnapshot()).toMatchObject({ status: 'done', output: { kind: 'stopped' } });
  });

  it('ends as failed when it cannot notice changes, for its supervisor to begin anew', () => {
    const { actor } = started({ brokenWatch: true });
    expect(actor.getSnapshot()).toMatchObject({
      status: 'done',
      output: { kind: 'failed', reason: 'watch broke' },
    });
  });
});
