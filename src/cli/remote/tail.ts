/** Gives `statecharts/news-tail.ts` its hands: a stream of events of kas, opened again from where it was left. */
import { createActor, fromPromise } from 'xstate';
import { newsTailMachine, type StreamEnd } from '../../../statecharts/index.ts';
import { guarded } from '../../supervisor/index.ts';
import { eventFrames, type EventFrame } from './event-frames.ts';
import type { KasApi } from './kas-api.ts';
import { exitCodes, Trouble } from './trouble.ts';

/** kas beats each second. */
const silenceMsMax = 15_000;

export interface TailHearer {
  /** Of the stream, at each opening. */
  readonly path: () => string;
  readonly frame: (frame: EventFrame) => void;
  readonly lost: (reason: string) => void;
  readonly back: () => void;
}

/** Follows until `signal`; rejects with a Trouble when kas was never reached or refuses. */
export async function tail(api: KasApi, hearer: TailHearer, signal: AbortSignal): Promise<void> {
  let lastId = '';
  let trouble: Trouble | undefined;
  const actor = createActor(
    guarded(
      newsTailMachine.provide({
        actors: {
          follow: fromPromise<StreamEnd, { readonly tailId: string }>(async ({ signal: stopped }) => {
            const silence = new Silence(silenceMsMax);
            try {
              const headers = lastId === '' ? {} : { 'last-event-id': lastId };
              const ended = AbortSignal.any([stopped, silence.signal]);
              const { body } = await api.open(hearer.path(), headers, ended);
              actor.send({ type: 'stream.opened' });
              for await (const frame of eventFrames(silence.watch(body))) {
                if (frame.id !== '') lastId = frame.id;
                hearer.frame(frame);
              }
              return { kind: 'lost', reason: 'kas ended the stream' };
            } catch (error) {
              if (error instanceof Trouble) trouble = error;
              const isFinal = error instanceof Trouble && error.exitCode !== exitCodes.unreachable;
              const reason = silence.signal.aborted ? 'kas has fallen silent' : textOf(error);
              return { kind: isFinal ? 'refused' : 'lost', reason };
            } finally {
              silence.end();
            }
          }),
        },
        actions: {
          tellLost: (_, { reason }) => hearer.lost(reason),
          tellBack: () => hearer.back(),
        },
        delays: {
          backoff: ({ context }) => 500 * 2 ** Math.min(context.attempt - 1, 5) * (0.5 + Math.random()),
        },
      }),
    ),
    { id: 'news-tail', input: { tailId: 'news-tail' } },
  );
  const output = await new Promise<{ readonly kind: string; readonly reason?: string }>((resolve, reject) => {
    actor.subscribe({
      complete: () => resolve(actor.getSnapshot().output ?? { kind: 'stopped' }),
      error: reject,
    });
    const stop = () => actor.send({ type: 'stop.requested' });
    actor.start();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  if (output.kind === 'stopped') return;
  throw trouble ?? new Trouble('unreachable', output.reason ?? 'the stream ended');
}

/** Aborts when nothing was read for a while. */
class Silence {
  readonly #controller = new AbortController();
  readonly #msMax: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(msMax: number) {
    this.#msMax = msMax;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async *watch(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.#wind();
    for await (const chunk of body) {
      this.#wind();
      yield chunk;
    }
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #wind(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), this.#msMax);
  }
}

function textOf(error: unknown): string {
  if (error instanceof Trouble) return error.brief;
  if (!(error instanceof Error)) return String(error);
  return error.name === 'TypeError' || error.message === 'other side closed'
    ? 'the connection broke'
    : error.message;
}
