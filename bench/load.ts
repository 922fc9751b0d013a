/**
 * Load over raw sockets: prepared request bytes, one request at a time per connection, latencies in a fixed array. Run as
 * a process of its own so that what it costs is not charged to what it measures.
 *
 * Modes (JSON in argv): `small` requests for a time, one after the other; `down` one body of N bytes read; `up` one body of N bytes sent;
 * `slow` one body read at a fixed rate for a time.
 */
import { connect, type Socket } from 'node:net';

export interface LoadPlan {
  readonly mode: 'small' | 'down' | 'up' | 'slow';
  readonly port: number;
  readonly path: string;
  readonly headers: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  readonly bytes: number;
  /** `small`: each request is a POST of so many bytes. */
  readonly uploadBytes?: number;
}
export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly bytes: number;
}

const headEnd = Buffer.from('\r\n\r\n');
const plan = JSON.parse(process.argv[2] ?? '{}') as LoadPlan;
const result = await (plan.mode === 'small' ? small(plan) : body(plan));
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);

function head(plan: LoadPlan, method: string, extra: readonly string[]): Buffer {
  return Buffer.from(
    [
      `${method} ${plan.path} HTTP/1.1`,
      `Host: 127.0.0.1:${plan.port}`,
      ...plan.headers,
      ...extra,
      '',
      '',
    ].join('\r\n'),
  );
}

async function small(plan: LoadPlan): Promise<LoadResult> {
  const { uploadBytes } = plan;
  const request =
    uploadBytes === undefined
      ? head(plan, 'GET', [])
      : Buffer.concat([
          head(plan, 'POST', [`Content-Length: ${uploadBytes}`]),
          Buffer.alloc(uploadBytes, 0x61),
        ]);
  const latencies: number[] = [];
  let failures = 0;
  const started = performance.now();
  const deadline = started + plan.seconds * 1000;
  const one = () =>
    new Promise<void>((resolve) => {
      const socket = connect({ port: plan.port, host: '127.0.0.1', noDelay: true });
      let sentAt = 0;
      let need = -1;
      let have = 0;
      let text: Buffer = Buffer.alloc(0);
      const send = () => {
        sentAt = performance.now();
        if (sentAt >= deadline) return void socket.destroy();
        need = -1;
        have = 0;
        text = Buffer.alloc(0);
        socket.write(request);
      };
      socket.on('connect', send);
      socket.on('data', (data: Buffer) => {
        have += data.length;
        if (need < 0) {
          text = text.length === 0 ? data : Buffer.concat([text, data]);
          const end = text.indexOf(headEnd);
          if (end < 0) return;
          const heading = text.toString('latin1', 0, end);
          if (!heading.startsWith('HTTP/1.1 200')) {
            failures++;
            return void socket.destroy();
          }
          const length = /\r\ncontent-length: (\d+)/i.exec(heading);
          need = end + 4 + (length === null ? chunkedRest(text, end) : Number(length[1]));
        }
        if (have >= need) {
          latencies.push(performance.now() - sentAt);
          send();
        }
      });
      socket.on('error', () => failures++);
      socket.on('close', () => resolve());
    });
  await Promise.all(Array.from({ length: plan.connections }, one));
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return {
    requests: latencies.length,
    failures,
    seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    bytes: latencies.length * 1024,
  };
}

/** Size of a chunked answer of one chunk: its size line, the chunk, the end. */
function chunkedRest(text: Buffer, end: number): number {
  const line = text.indexOf('\r\n', end + 4);
  const size = Number.parseInt(text.toString('latin1', end + 4, line), 16);
  return line - (end + 4) + 2 + size + 2 + 5;
}

async function body(plan: LoadPlan): Promise<LoadResult> {
  const started = performance.now();
  let bytes = 0;
  let failures = 0;
  await new Promise<void>((resolve) => {
    const socket = connect({ port: plan.port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => failures++);
    socket.on('close', () => resolve());
    socket.on('connect', () => {
      if (plan.mode === 'up') upload(socket, plan);
      else socket.write(head(plan, 'GET', []));
    });
    let answer: Buffer = Buffer.alloc(0);
    let need = Infinity;
    socket.on('data', (data: Buffer) => {
      bytes += data.length;
      if (need === Infinity) {
        answer = Buffer.concat([answer, data]);
        const end = answer.indexOf(headEnd);
        if (end >= 0) {
          if (!answer.toString('latin1', 0, 12).endsWith('200')) failures++;
          need = end + 4 + (plan.mode === 'up' ? 1024 : plan.bytes);
        }
      }
      if (bytes >= need) socket.destroy();
      if (plan.mode === 'slow') {
        if (performance.now() - started > plan.seconds * 1000) return void socket.destroy();
        socket.pause();
        setTimeout(() => socket.resume(), 50);
      }
    });
  });
  const seconds = (performance.now() - started) / 1000;
  return {
    requests: 1,
    failures,
    seconds,
    p50Ms: 0,
    p99Ms: 0,
    bytes: plan.mode === 'up' ? plan.bytes : bytes,
  };
}

function upload(socket: Socket, plan: LoadPlan): void {
  const chunk = Buffer.alloc(64 * 1024, 0x61);
  socket.write(head(plan, 'POST', [`Content-Length: ${plan.bytes}`]));
  let left = plan.bytes;
  const push = () => {
    while (left > 0) {
      const part = left >= chunk.length ? chunk : chunk.subarray(0, left);
      left -= part.length;
      if (!socket.write(part) && left > 0) return void socket.once('drain', push);
    }
  };
  push();
}
