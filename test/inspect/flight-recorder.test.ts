import { describe, expect, it } from 'vitest';
import { FlightRecorder } from '../../src/inspect/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

function recorderWith(count: number, entriesMax = 4) {
  const clock = new VirtualClock(0);
  const recorder = new FlightRecorder({ clock, entriesMax });
  for (let i = 0; i < count; i++) {
    recorder.record(i % 2 === 0 ? 'even' : 'odd', 'machine', 'a', 'b', `event.${i}`);
    clock.advance(10);
  }
  return recorder;
}

const events = (recorder: FlightRecorder, limit: number, actorId?: string) =>
  recorder.latest(limit, actorId).map(({ event }) => event);

describe('the flight recorder', () => {
  it('is empty at first', () => {
    expect([recorderWith(0).latest(10), recorderWith(0).recorded]).toEqual([[], 0]);
  });

  it('gives the newest first, with time and number', () => {
    expect(recorderWith(3).latest(2)).toEqual([
      { sequence: 2, at: 20, actorId: 'even', machine: 'machine', from: 'a', to: 'b', event: 'event.2' },
      { sequence: 1, at: 10, actorId: 'odd', machine: 'machine', from: 'a', to: 'b', event: 'event.1' },
    ]);
  });

  it('overwrites the oldest when the ring is full, and counts on', () => {
    const recorder = recorderWith(10);
    expect(events(recorder, 100)).toEqual(['event.9', 'event.8', 'event.7', 'event.6']);
    expect(recorder.recorded).toBe(10);
  });

  it('finds one actor among others, up to the limit', () => {
    const recorder = recorderWith(10);
    expect(events(recorder, 100, 'odd')).toEqual(['event.9', 'event.7']);
    expect(events(recorder, 1, 'even')).toEqual(['event.8']);
    expect(events(recorder, 5, 'nobody')).toEqual([]);
    expect(events(recorder, 0)).toEqual([]);
  });

  it.each([3, 4, 5])('holds at the edge of %d records in a ring of 4', (count) => {
    expect(recorderWith(count).latest(100)).toHaveLength(Math.min(count, 4));
  });
});

it('traffic does not wash away what happened to agents, and is thinned out by whole lives when there is too much', () => {
  const clock = new VirtualClock();
  const recorder = new FlightRecorder({
    clock,
    entriesMax: 10,
    hotEntriesMax: 100,
    hotMachines: new Set(['request']),
    hotPerSecondMax: 20,
  });
  recorder.record('session:1', 'agentSession', '', 'authenticating', 'xstate.init');
  for (let life = 1; life <= 40; life++) {
    recorder.record(`request:${life}`, 'request', '', 'authorizing', 'xstate.init');
    recorder.record(`request:${life}`, 'request', 'authorizing', 'done', 'answered');
  }
  const kept = recorder.latest(200);
  expect(kept.some(({ actorId }) => actorId === 'session:1')).toBe(true);
  const lives = [...new Set(kept.map(({ actorId }) => actorId))].filter((id) => id.startsWith('request'));
  expect(lives.slice(0, 3)).toEqual(['request:40', 'request:30', 'request:20']);
  expect(kept.filter(({ actorId }) => actorId === 'request:40')).toHaveLength(2);
  expect(recorder.sampledOut).toBe(80 - 2 * lives.length);
  const sequences = kept.map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.toSorted((one, other) => other - one));
});
