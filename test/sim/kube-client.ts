/** A plain HTTP client of a cluster, as tests need it: any method, any header, and watches event by event. */
import { Agent, request, type Dispatcher } from 'undici';

export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

export interface CallOptions {
  readonly body?: unknown;
  /** The media type of the body; JSON unless told. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

/** An open watch. */
export interface WatchStream {
  readonly status: number;
  /** The next event; undefined when the server has ended the watch. */
  next(): Promise<WatchEvent | undefined>;
  /** The next `count` events as `TYPE name`. */
  names(count: number): Promise<readonly string[]>;
  close(): Promise<void>;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of body) {
    pending += decoder.decode(chunk, { stream: true });
    const complete = pending.split('\n');
    pending = complete.pop() ?? '';
    yield* complete;
  }
}

export class KubeClient {
  private readonly url: string;
  private readonly token: string | undefined;
  private readonly dispatcher: Agent;

  constructor(
    cluster: { readonly url: string; readonly caPem?: string | undefined },
    token: string | undefined,
  ) {
    this.url = cluster.url;
    this.token = token;
    const { caPem } = cluster;
    this.dispatcher = new Agent(caPem === undefined ? {} : { connect: { ca: caPem } });
  }

  private send(
    method: string,
    path: string,
    options: CallOptions,
    signal?: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const { body } = options;
    return request(`${this.url}${path}`, {
      method,
      dispatcher: this.dispatcher,
      headers: {
        ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        ...(body === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
        'user-agent': 'tester/1.0',
        ...options.headers,
      },
      bodyTimeout: 0,
      ...(signal === undefined ? {} : { signal }),
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const response = await this.send(method, path, options);
    const text = await response.body.text();
    const header = (name: string): string | undefined => {
      const value = response.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    };
    return { status: response.statusCode, header, text, json: parsed(text) };
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.call('GET', path, { headers });
  }
  post(path: string, body: unknown): Promise<Answer> {
    return this.call('POST', path, { body });
  }
  put(path: string, body: unknown): Promise<Answer> {
    return this.call('PUT', path, { body });
  }
  patch(
    path: string,
    kind: 'json-patch' | 'merge-patch' | 'strategic-merge-patch',
    body: unknown,
  ): Promise<Answer> {
    return this.call('PATCH', path, { body, type: `application/${kind}+json` });
  }
  apply(path: string, manager: string, body: unknown, force = false): Promise<Answer> {
    const query = `?fieldManager=${manager}${force ? '&force=true' : ''}`;
    return this.call('PATCH', path + query, { body, type: 'application/apply-patch+yaml' });
  }
  delete(path: string, body?: unknown): Promise<Answer> {
    return this.call('DELETE', path, { body });
  }

  async watch(path: string, headers: Readonly<Record<string, string>> = {}): Promise<WatchStream> {
    const abort = new AbortController();
    const response = await this.send('GET', path, { headers }, abort.signal);
    const source = lines(response.body);
    const next = async (): Promise<WatchEvent | undefined> => {
      const line = await source.next();
      return line.done === true ? undefined : (JSON.parse(line.value) as WatchEvent);
    };
    const names = async (count: number): Promise<readonly string[]> => {
      const found: string[] = [];
      while (found.length < count) {
        const event = await next();
        if (event === undefined) break;
        const { metadata } = event.object as { metadata?: { name?: string } };
        found.push(`${event.type} ${metadata?.name ?? ''}`);
      }
      return found;
    };
    return {
      status: response.statusCode,
      next,
      names,
      close: async () => {
        abort.abort();
        await source.return(undefined).catch(() => undefined);
      },
    };
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }
}
