/** Asks a running kas. What comes back is checked: the address may be wrong, another program, or an older kas. */
import { rootCertificates, getCACertificates } from 'node:tls';
import { Agent, request, type Dispatcher } from 'undici';
import type { z } from 'zod';
import { harmlessText } from '../../protocol/index.ts';
import { addressRemedy, type Target } from './target.ts';
import { Trouble } from './trouble.ts';

const askMsMax = 10_000;
const answerBytesMax = 64 * 1024 * 1024;
const noTls = /wrong version number|packet length|EPROTO/i;

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Dispatcher.ResponseData['body'];
}

export class KasApi {
  readonly target: Target;
  readonly #dispatcher: Agent;
  readonly #msMax: number;

  constructor(target: Target, msMax: number = askMsMax) {
    this.target = target;
    this.#msMax = msMax;
    const { socketPath, ca } = target;
    this.#dispatcher = new Agent({
      connections: 4,
      connect: {
        timeout: msMax,
        ...(socketPath === undefined ? {} : { socketPath }),
        ...(target.url.protocol === 'https:' ? { ca: authorities(ca) } : {}),
      },
    });
  }

  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }

  /** Throws a Trouble, which says what is wrong and how to mend it. */
  async get<T>(path: string, shape: z.ZodType<T>): Promise<T> {
    const { url } = this.target;
    const answer = await this.#ask(path, {}, AbortSignal.timeout(this.#msMax));
    const body = await bounded(answer.body).catch((error: unknown) => {
      throw new Trouble(
        'unreachable',
        `the answer of ${this.#place(path)} ended early: ${this.#cause(error)}`,
      );
    });
    if (answer.status !== 200) throw await this.#refusal(path, answer.status, body);
    const read = shape.safeParse(jsonOf(body));
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    const where = issue === undefined ? '' : ` (${issue.path.join('.') || 'the whole'}: ${issue.message})`;
    const what = path === '/state' ? 'the state of a kas' : `what this kastor understands`;
    const remedy = url.pathname === '/' ? addressRemedy : '';
    throw new Trouble(
      'foreign',
      `${this.#place(path)} answered something else than ${what}${where}. ${remedy}`,
    );
  }

  /** An answer whose body is read by the caller; its end and its silence are the caller's matter. */
  async open(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new DOMException('no answer in time', 'TimeoutError')),
      this.#msMax,
    );
    try {
      const answer = await this.#ask(path, headers, AbortSignal.any([signal, late.signal]));
      if (answer.status === 200) return answer;
      throw await this.#refusal(path, answer.status, await bounded(answer.body));
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
    const { url, token } = this.target;
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answered = await request(new URL(path, url), {
      dispatcher: this.#dispatcher,
      headers: { ...headers, ...authorization },
      signal,
      bodyTimeout: 0,
    }).catch((error: unknown) => {
      throw new Trouble(
        'unreachable',
        `cannot reach kas at ${this.target.name}: ${this.#cause(error)}`,
        remedyFor(error, url),
      );
    });
    const type = String(answered.headers['content-type'] ?? '');
    return { status: answered.statusCode, type, body: answered.body };
  }

  /** Why it did not answer with 200. */
  async #refusal(path: string, status: number, body: string): Promise<Trouble> {
    const said = errorOf(body);
    const place = this.#place(path);
    if (status === 401) {
      const given = this.target.token === undefined ? 'none was given' : 'not the one that was given';
      return new Trouble(
        'refused',
        `${this.target.name} asks for the token of its dashboard, ${given}. Give --token-file a copy of observability.dashboard.token_file of that kas`,
      );
    }
    if (status === 403) {
      return new Trouble(
        'refused',
        `${this.target.name} does not answer here: ${said}. Ask it on its own machine or through kubectl port-forward or ssh -L`,
      );
    }
    if (status === 503 && said !== '') {
      return new Trouble('unreachable', `${place} has no room: ${said}. Try again in a moment`);
    }
    if (status === 404 && path.startsWith('/api/')) {
      if (said === 'no such path') {
        return new Trouble(
          'foreign',
          `${place} is not known there: that kas is older than this kastor. Update kas, or use the kastor that came with it`,
        );
      }
      if (said !== '') return new Trouble('failed', said);
      if (await this.#isKas()) {
        return new Trouble(
          'foreign',
          `the kas at ${this.target.name} runs without its dashboard, or is too old to have one. Set observability.dashboard.enabled: true in its configuration; "kastor status" works without`,
        );
      }
    }
    return new Trouble(
      'foreign',
      `${place} answered ${status}: this is no observability endpoint of kas. ${addressRemedy}`,
    );
  }

  async #isKas(): Promise<boolean> {
    try {
      const { status, body } = await this.#ask('/state', {}, AbortSignal.timeout(this.#msMax));
      const state = jsonOf(await bounded(body));
      return status === 200 && typeof state === 'object' && state !== null && 'version' in state;
    } catch {
      return false;
    }
  }

  #place(path: string): string {
    const { socketPath, name, url } = this.target;
    return socketPath === undefined ? new URL(path, url).href : `${name} ${path}`;
  }

  #cause(error: unknown): string {
    if (!(error instanceof Error)) return String(error);
    if (error.name === 'TimeoutError') return `no answer within ${this.#msMax / 1_000} s`;
    const { cause } = error;
    const inner = cause instanceof Error ? cause : error;
    const text = inner.message === '' && 'code' in inner ? String(inner.code) : inner.message;
    if (noTls.test(text)) return 'it does not speak TLS';
    return harmlessText(text.replace(/; if the root CA is installed.*$/s, ''), 400);
  }
}

/** Those this program brings, those of the system, and one more. */
function authorities(ca: string | undefined): string[] {
  return [...(ca === undefined ? [] : [ca]), ...rootCertificates, ...getCACertificates('system')];
}

/** What is most often behind it. */
function remedyFor(error: unknown, { protocol }: URL): string {
  const text = error instanceof Error ? `${error.message} ${'code' in error ? String(error.code) : ''}` : '';
  if (/certificate|CERT_|self.signed|ISSUER/i.test(text)) {
    return 'If its certificate is of an authority of your own, give it with --ca-file; the name in --kas must be one of the certificate';
  }
  if (protocol === 'https:' && noTls.test(text)) {
    return 'Write http:// in --kas';
  }
  if (protocol === 'http:' && /other side closed|socket hang up|ECONNRESET|HPE_|Parse Error/i.test(text)) {
    return `If observability.listen has a certificate, write https:// in --kas. ${addressRemedy}`;
  }
  return addressRemedy;
}

async function bounded(body: Dispatcher.ResponseData['body']): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > answerBytesMax) throw new Error('it is too large');
  }
  return text + decoder.decode();
}

/** The `error` of a JSON answer, empty when there is none. */
function errorOf(body: string): string {
  const answer = jsonOf(body);
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return '';
  return harmlessText(String(answer.error), 400);
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
