/**
 * Reading the API of kas. A token, where one is needed, is asked for once and kept for this tab only; it travels as a header,
 * so streams are read with `fetch` (an EventSource cannot send one).
 */
import { signal } from '@preact/signals';

export type Link = 'connecting' | 'live' | 'lost' | 'locked' | 'refused';

export const link = signal<Link>('connecting');
/** Why kas does not answer, in its words. */
export const refusal = signal('');

const tokenKey = 'kastor-token';
let token = sessionStorage.getItem(tokenKey) ?? '';
const waiting: (() => void)[] = [];

export function giveToken(given: string): void {
  token = given.trim();
  sessionStorage.setItem(tokenKey, token);
  link.value = 'connecting';
  for (const go of waiting.splice(0)) go();
}

function headers(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ...(token === '' ? {} : { authorization: `Bearer ${token}` }), ...more };
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(path, init);
  if (response.status === 401 || response.status === 403) {
    link.value = response.status === 401 ? 'locked' : 'refused';
    refusal.value = ((await response.json()) as { error: string }).error;
  }
  return response;
}

export async function readJson<T>(path: string): Promise<T | undefined> {
  const response = await ask(path, { headers: headers() });
  return response.ok ? ((await response.json()) as T) : undefined;
}

export interface StreamEvent {
  readonly event: string;
  readonly data: unknown;
}

const retryMs = 1_000;
const silenceMs = 5_000;

/**
 * Follows a stream until it is stopped: comes back by itself, where it was. `lost` is told each time it breaks. A tab nobody
 * sees follows nothing: a browser opens only six connections to one host, and kas has better to do.
 */
export function follow(
  path: string,
  on: (event: StreamEvent) => void,
  lost: (status: number) => void,
): () => void {
  const stop = new AbortController();
  void followUntil(stop.signal, path, on, lost);
  return () => stop.abort();
}

async function followUntil(
  stop: AbortSignal,
  path: string,
  on: (event: StreamEvent) => void,
  lost: (status: number) => void,
): Promise<void> {
  let lastId = '';
  while (!stop.aborted) {
    await seen(stop);
    let status = 0;
    const attempt = new AbortController();
    const end = () => attempt.abort();
    const hide = () => document.hidden && end();
    stop.addEventListener('abort', end);
    document.addEventListener('visibilitychange', hide);
    try {
      const init = {
        headers: headers(lastId === '' ? {} : { 'last-event-id': lastId }),
        signal: attempt.signal,
      };
      const response = await ask(path, init);
      ({ status } = response);
      if (response.ok && response.body !== null) {
        await readFrames(response.body, attempt, (id, event) => {
          if (id !== '') lastId = id;
          on(event);
        });
      }
    } catch {
      // Told as lost, and tried again.
    }
    stop.removeEventListener('abort', end);
    document.removeEventListener('visibilitychange', hide);
    if (stop.aborted) return;
    if (document.hidden) continue;
    lost(status);
    if (status === 401) await new Promise<void>((go) => waiting.push(go));
    else await new Promise((go) => setTimeout(go, retryMs * (0.5 + Math.random())));
  }
}

/** Resolves while somebody can see the page. */
function seen(stop: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !stop.aborted) return;
      document.removeEventListener('visibilitychange', look);
      stop.removeEventListener('abort', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    stop.addEventListener('abort', look);
  });
}

async function readFrames(
  body: ReadableStream<Uint8Array>,
  attempt: AbortController,
  on: (id: string, event: StreamEvent) => void,
): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    // A proxy can keep a dead stream open: kas beats each second.
    const silence = setTimeout(() => attempt.abort(), silenceMs);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      const field = (name: string) =>
        frame
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2) ?? '';
      on(field('id'), { event: field('event'), data: JSON.parse(field('data')) as unknown });
    }
  }
}
