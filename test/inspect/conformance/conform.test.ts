/** Recordings of transitions: written, read back, and what is found when somebody had a hand in them. */
import { expect, it, describe } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import { FlightRecorder, Conformance } from '../../../src/inspect/index.ts';
import { checkOf, recordingOf } from '../../../src/inspect/conformance/recording.ts';
import { inspectorOf } from '../../../src/supervisor/index.ts';
import { agentSessionMachine, charts, type AgentVerdict } from '../../../statecharts/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';

const machines = charts.map(({ machine }) => machine);
const clock = new VirtualClock(1_000);

function written(recorder: FlightRecorder): string[] {
  const source = { recorder, program: 'kas', version: 'v1', at: 5, machines };
  return [...recordingOf(source)].join('').trimEnd().split('\n');
}

function judged(lines: readonly string[]) {
  const conformance = new Conformance(charts);
  for (const line of lines) conformance.take(line);
  return conformance.report();
}

const problems = (lines: readonly string[]) =>
  judged(lines).findings.map(({ line, problem }) => `${line} ${problem}`);

/** The life of a session, by the chart itself. */
function session(recorder: FlightRecorder, id = 'session:1'): void {
  const logic = agentSessionMachine.provide({
    actors: {
      lookup: fromPromise<AgentVerdict, { readonly sessionId: string }>(() => new Promise(() => {})),
    },
  });
  const actor = createActor(logic, {
    id,
    input: {
      sessionId: id,
      peer: 'p',
      lookupBackoffMs: { init: 1, max: 2 },
      refreshMs: 1_000,
      lastCallMs: 1,
    },
    inspect: inspectorOf(
      ({ actorId, machine, from, to, event }) => recorder.record(actorId, machine, from, to, event),
      undefined,
    ),
  });
  actor.start();
  const verdict = { kind: 'granted', agentId: 1n, agentName: 'a', projectId: 1n };
  actor.send({ type: 'xstate.done.actor.lookup', output: verdict, actorId: 'lookup' } as never);
  actor.send({ type: 'pod.announced' });
  actor.send({ type: 'tunnels.changed', count: 1 });
  actor.send({ type: 'connection.draining' });
  actor.send({ type: 'connection.closed', reason: 'gone' });
}

function recorded(): string[] {
  const recorder = new FlightRecorder({ clock, entriesMax: 100 });
  session(recorder);
  session(recorder, 'session:2');
  return written(recorder);
}

describe('a recording of lives by their chart', () => {
  it('conforms, and says what was proven', () => {
    const lines = recorded();
    expect(judged(lines)).toMatchObject({
      conforms: true,
      header: { program: 'kas', version: 'v1', recorded: 12 },
      transitions: 12,
      proven: 12,
      lives: { whole: 2, unfinished: 0, begunBefore: 0 },
      gaps: 0,
    });
  });

  it('holds names and times alone', () => {
    const keys = new Set(
      recorded()
        .slice(1, -1)
        .flatMap((line) => Object.keys(JSON.parse(line) as object)),
    );
    expect([...keys]).toEqual(['sequence', 'at', 'actorId', 'machine', 'from', 'to', 'event', 'check']);
  });

  it('a changed line is named, whatever was changed in it', () => {
    for (const [from, to] of [
      ['session:1', 'session:9'],
      ['"at":1000', '"at":1001'],
      ['pod.announced', 'pod.denounced'],
    ] as const) {
      const lines = recorded();
      const at = lines.findIndex((line) => line.includes('pod.announced'));
      lines[at] = lines[at]?.replace(from, to) ?? '';
      const [first, ...others] = problems(lines);
      expect(first).toMatch(new RegExp(`^${at + 1} its check is wrong`));
      expect(others.every((one) => !one.includes('check'))).toBe(true);
    }
  });

  it('moved, missing, added and doubled lines are named', () => {
    const moved = recorded();
    [moved[4], moved[5]] = [moved[5] ?? '', moved[4] ?? ''];
    expect(problems(moved).slice(0, 3)).toEqual([
      expect.stringMatching(/^5 its check is wrong/),
      expect.stringMatching(/^5 .*line 4 had left it in|^5 /),
      expect.stringMatching(/^6 its check is wrong/),
    ]);
    expect(problems(moved)).toContainEqual(expect.stringMatching(/^6 number 3 comes after number 4/));
    const without = recorded().toSpliced(6, 1);
    expect(problems(without)[0]).toMatch(/^7 its check is wrong/);
    expect(problems(without).at(-1)).toMatch(/it says 12 transitions, there are 11/);
    const doubled = recorded();
    doubled.splice(6, 0, doubled[5] ?? '');
    expect(problems(doubled)[0]).toMatch(/^7 its check is wrong/);
  });

  it('a file that was cut off says where, also within a line', () => {
    const lines = recorded();
    expect(problems(lines.slice(0, 8))).toEqual([
      '9 it should be there: the recording was cut off after line 8',
    ]);
    const [half] = problems([...lines.slice(0, 8), lines[8]?.slice(0, 40) ?? '']);
    expect(half).toBe('9 it is not whole: no JSON');
    expect(problems([])).toEqual(['1 it should be there: the recording was cut off after line 0']);
    expect(problems([...lines, lines[3] ?? ''])[0]).toMatch(/^15 it comes after the end/);
  });
});

/** Made so that the file itself is in order: only the charts can object. */
function forged(
  ...entries: readonly (readonly [actor: string, machine: string, from: string, to: string, event: string])[]
) {
  const recorder = new FlightRecorder({ clock, entriesMax: 100, hotMachines: new Set(['tunnel']) });
  for (const entry of entries) recorder.record(...entry);
  return written(recorder);
}
const birth = ['s', 'agentSession', '', 'authenticating', 'xstate.init'] as const;

describe('what the charts do not allow', () => {
  it.each([
    [
      'a step there is not',
      ['s', 'agentSession', 'authenticating', 'stale', 'stop.requested'],
      /leads to gone only/,
    ],
    [
      'a state there is not',
      ['s', 'agentSession', 'authenticating', 'elsewhere', 'stop.requested'],
      /no such state/,
    ],
    [
      'an event that leads nowhere',
      ['s', 'agentSession', 'authenticating', 'gone', 'pod.announced'],
      /leads nowhere from there/,
    ],
    [
      'a step from where it was not',
      ['s', 'agentSession', 'backingOff', 'gone', 'stop.requested'],
      /line 2 had left it in authenticating/,
    ],
    ['a second begin elsewhere', ['s', 'agentSession', '', 'stale', 'xstate.init'], /does not begin there/],
  ] as const)('%s', (_what, entry, problem) => {
    const { conforms, findings } = judged(forged(birth, entry));
    expect(conforms).toBe(false);
    expect(findings).toEqual([{ line: 3, actorId: 's', problem: expect.stringMatching(problem) }]);
  });

  it('a life after its end, and one without a begin', () => {
    const end = ['s', 'agentSession', 'authenticating', 'gone', 'stop.requested'] as const;
    expect(problems(forged(birth, end, end))[0]).toMatch(/^4 .*its life had ended at line 3/);
    expect(problems(forged(end))[0]).toMatch(/^2 .*never began, though nothing is missing/);
    expect(judged(forged(birth, end, birth)).conforms).toBe(true); // started again
  });

  it('recordings by other charts are not judged, and do not pass', () => {
    const lines = forged(birth);
    const header = { ...(JSON.parse(lines[0] ?? '') as Record<string, unknown>) };
    delete header['check'];
    const charts = { ...(header['charts'] as object), agentSession: '0123456789abcdef' };
    let check = '';
    const again = [{ ...header, charts }, ...lines.slice(1).map((line) => JSON.parse(line) as object)].map(
      (line) => {
        const { check: _, ...bare } = line as Record<string, unknown>;
        check = checkOf(check, bare);
        return JSON.stringify({ ...bare, check });
      },
    );
    expect(problems(again)).toEqual([
      expect.stringMatching(
        /^0 agentSession: 1 transitions cannot be judged: its definition was 0123456789abcdef/,
      ),
    ]);
    expect(problems(forged(['x', 'unheardOf', '', 'a', 'xstate.init']))[0]).toMatch(/has no such chart/);
  });
});

describe('a recording that has lost something lawfully', () => {
  it('of nothing at all proves nothing', () => {
    const { conforms, findings } = judged(written(new FlightRecorder({ clock, entriesMax: 4 })));
    expect(conforms).toBe(false);
    expect(findings).toEqual([{ line: 0, actorId: '', problem: expect.stringContaining('no transition') }]);
  });

  it('lives whose begin was written over are judged from their first line on', () => {
    const recorder = new FlightRecorder({ clock, entriesMax: 4 });
    session(recorder);
    expect(judged(written(recorder))).toMatchObject({
      conforms: true,
      transitions: 4,
      lives: { whole: 0, begunBefore: 1 },
    });
  });

  it('short lives may have gaps where numbers are missing, others may not', () => {
    const hotTime = new VirtualClock(1_000);
    const short = new FlightRecorder({
      clock: hotTime,
      entriesMax: 100,
      hotMachines: new Set(['tunnel']),
      hotPerSecondMax: 2,
    });
    const tunnel = (from: string, to: string, event: string) =>
      short.record('tunnel:1', 'tunnel', from, to, event);
    tunnel('', 'idle', 'xstate.init');
    tunnel('idle', 'claimed', 'claim.requested');
    tunnel('claimed', 'forwarding', 'forward.started');
    hotTime.advance(1_000);
    tunnel('forwarding', 'finishing', 'stop.requested');
    expect(short.sampledOut).toBe(1);
    expect(judged(written(short))).toMatchObject({ conforms: true, gaps: 1, transitions: 3, proven: 3 });
    short.record('s', 'agentSession', '', 'authenticating', 'xstate.init');
    short.record('s', 'agentSession', 'backingOff', 'gone', 'stop.requested');
    expect(judged(written(short)).findings).toMatchObject([{ actorId: 's' }]);
  });
});
