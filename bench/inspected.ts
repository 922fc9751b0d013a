/** A process of a benchmark looked at from outside through its inspector: what it holds after a collection, and what it is asked to tell. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

export interface Held {
  readonly heapMb: number;
  readonly externalMb: number;
  readonly rssMb: number;
  /** What keeps the event loop busy, by its kind. */
  readonly resources: Readonly<Record<string, number>>;
  /** Open files and sockets; none where the system does not tell. */
  readonly files: number | undefined;
}

const openMsMax = 60_000;
const mebibyte = 1024 * 1024;
const question = `(() => { const m = process.memoryUsage(); return JSON.stringify({
  heap: m.heapUsed, external: m.external, rss: m.rss, resources: process.getActiveResourcesInfo() }) })()`;

/** What a process needs in its environment to be looked at. */
export function inspectable(port: number): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--inspect=127.0.0.1:${port}` };
}

export class Inspected {
  readonly #socket: WebSocket;
  readonly #pid: number;
  readonly #waiting = new Map<number, (result: Record<string, unknown>) => void>();
  #asked = 0;

  private constructor(socket: WebSocket, pid: number) {
    this.#socket = socket;
    this.#pid = pid;
    socket.on('message', (data: Buffer) => {
      const { id, result } = JSON.parse(data.toString()) as { id: number; result: Record<string, unknown> };
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  static async open(port: number, pid: number): Promise<Inspected> {
    const until = performance.now() + openMsMax;
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/json/list`).catch(() => undefined);
      const [target] = ((await answer?.json()) ?? []) as { webSocketDebuggerUrl: string }[];
      if (target !== undefined) {
        const socket = new WebSocket(target.webSocketDebuggerUrl, { perMessageDeflate: false });
        await once(socket, 'open');
        return new Inspected(socket, pid);
      }
      if (performance.now() > until) throw new Error(`the inspector at port ${port} does not answer`);
      await sleep(50);
    }
  }

  /** After two collections: what the first one finalises is freed by the second. */
  async held(): Promise<Held> {
    await this.#ask('HeapProfiler.collectGarbage', {});
    await this.#ask('HeapProfiler.collectGarbage', {});
    const { heap, external, rss, resources } = await this.evaluate<{
      heap: number;
      external: number;
      rss: number;
      resources: readonly string[];
    }>(question);
    const counts: Record<string, number> = {};
    for (const each of resources) counts[each] = (counts[each] ?? 0) + 1;
    return {
      heapMb: heap / mebibyte,
      externalMb: external / mebibyte,
      rssMb: rss / mebibyte,
      resources: counts,
      files: openFiles(this.#pid),
    };
  }

  /** An expression whose value is JSON text. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result } = (await this.#ask('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })) as {
      result: { value?: string; description?: string };
    };
    if (typeof result.value !== 'string')
      throw new Error(`no answer from the process: ${result.description}`);
    return JSON.parse(result.value) as T;
  }

  close(): void {
    this.#socket.terminate();
  }

  #ask(method: string, params: object): Promise<Record<string, unknown>> {
    const id = ++this.#asked;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}

function openFiles(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}
