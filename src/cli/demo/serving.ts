/** Waiting until the whole path answers: client, kas, tunnel, agentk, API server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';

const tryEveryMs = 100;

/** Resolves when a request through kas gets an answer from the cluster; rejects with the last refusal after `msMax`. */
export async function waitUntilServing(options: {
  readonly port: number;
  /** PEM that signs the endpoint. */
  readonly certificate: string;
  readonly token: string;
  readonly msMax: number;
  readonly stop: AbortSignal;
}): Promise<void> {
  const until = Date.now() + options.msMax;
  let last = 'no answer';
  const dispatcher = new Agent({ connect: { ca: options.certificate } });
  try {
    while (Date.now() < until) {
      try {
        const { statusCode, body } = await request(`https://127.0.0.1:${options.port}/version`, {
          dispatcher,
          headers: { authorization: `Bearer ${options.token}` },
          signal: AbortSignal.any([options.stop, AbortSignal.timeout(options.msMax)]),
        });
        const text = await body.text();
        if (statusCode === 200) return;
        last = `${statusCode} ${text.slice(0, 300)}`;
      } catch (error) {
        options.stop.throwIfAborted();
        last = (error as Error).message;
      }
      await sleep(tryEveryMs, undefined, { signal: options.stop });
    }
  } finally {
    await dispatcher.close();
  }
  throw new Error(`The agent does not serve requests yet. Last answer: ${last}`);
}
