import { describe, expect, it } from 'vitest';
import { WaitingCalls } from '../../src/actors/waiting-calls.ts';
import type { MessageHandler, ServerCall, StreamEnd } from '../../src/pipe/grpc/index.ts';

/** The side of a call that waiting touches. */
class FakeStream {
  handler: MessageHandler | undefined;
  paused = false;
  pause() {
    this.paused = true;
  }
  resume() {
    this.paused = false;
  }
  close(end: StreamEnd = { kind: 'cancelled', reason: '' }) {
    this.handler?.onClosed(end);
  }
}

function fakeCall() {
  const stream = new FakeStream();
  return { stream, call: { stream } as unknown as ServerCall };
}

function queue(callsMax = 10) {
  const calls = new WaitingCalls<string>({ callsMax });
  const answers: string[] = [];
  const add = (name: string, patient: boolean) => {
    const { stream, call } = fakeCall();
    const taken = calls.add(call, patient, (answer) => answers.push(`${name} ${answer}`));
    return { stream, taken };
  };
  return { calls, answers, add };
}

describe('waiting calls', () => {
  it('read nothing until they are answered', () => {
    const { calls, answers, add } = queue();
    const { stream } = add('a', true);
    expect(stream.paused).toBe(true);
    calls.answer('yes', 'all');
    expect([stream.paused, answers, calls.size]).toEqual([false, ['a yes'], 0]);
  });

  it('are resumed only after their new owner was set', () => {
    const calls = new WaitingCalls<string>({ callsMax: 1 });
    const { stream, call } = fakeCall();
    const seen: boolean[] = [];
    calls.add(call, true, () => seen.push(stream.paused));
    calls.answer('yes', 'all');
    expect([seen, stream.paused]).toEqual([[true], false]);
  });

  it('are answered in their order, the impatient alone when asked so', () => {
    const { calls, answers, add } = queue();
    add('a', true);
    add('b', false);
    add('c', true);
    calls.answer('no', 'impatient');
    expect([answers, calls.size]).toEqual([['b no'], 2]);
    calls.answer('yes', 'all');
    calls.answer('again', 'all');
    expect(answers).toEqual(['b no', 'a yes', 'c yes']);
  });

  it('are forgotten when their stream ends first', () => {
    const { calls, answers, add } = queue();
    const { stream } = add('a', true);
    stream.close();
    calls.answer('yes', 'all');
    expect([answers, calls.size]).toEqual([[], 0]);
  });

  it('are bounded', () => {
    const { add } = queue(2);
    expect([1, 2, 3].map(() => add('x', true).taken)).toEqual([true, true, false]);
  });

  it('may be joined by new ones while they are answered', () => {
    const calls = new WaitingCalls<string>({ callsMax: 5 });
    const answers: string[] = [];
    calls.add(fakeCall().call, true, () => {
      calls.add(fakeCall().call, true, (answer) => answers.push(answer));
    });
    calls.answer('first', 'all');
    expect([answers, calls.size]).toEqual([[], 1]);
    calls.answer('second', 'all');
    expect(answers).toEqual(['second']);
  });
});
