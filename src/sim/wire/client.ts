/** One request of a user: sends its body, reads the answer at its own pace, maybe leaves early, and keeps what it saw. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Kernel } from '../kernel/index.ts';
import { ContentCheck, contentOf } from './content.ts';
import type { PlannedRequest } from './plan.ts';
import { kasPorts } from './simulated-kas.ts';
import { jobToken } from './simulated-gitlab.ts';

/** How it ended for the user. */
export type Ending =
  | { readonly kind: 'answered'; readonly httpStatus: number; readonly agent: string }
  | { readonly kind: 'broken'; readonly reason: string }
  | { readonly kind: 'left' };

export class UserRequest {
  readonly id: number;
  readonly planned: PlannedRequest;
  readonly startedMs: number;
  readonly download: ContentCheck;
  /** What kas answered in its own words. */
  words = '';
  endings: Ending[] = [];
  endedMs = Infinity;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, id: number, planned: PlannedRequest, host: string) {
    this.#kernel = kernel;
    this.id = id;
    this.planned = planned;
    this.startedMs = kernel.nowMs;
    this.download = new ContentCheck(2 * id + 1);
    this.#send(host);
  }

  get ending(): Ending | undefined {
    return this.endings[0];
  }

  #send(host: string): void {
    const { planned } = this;
    const { uploadBytes, downloadBytes, pieces, gapMs, early } = planned;
    const query = `id=${this.id}&up=${uploadBytes}&down=${downloadBytes}&pieces=${pieces}&gap=${gapMs}&early=${early}`;
    const request = httpRequest({
      method: uploadBytes > 0 ? 'POST' : 'GET',
      path: `/echo?${query}`,
      headers: {
        host: 'kas',
        authorization: `Bearer ci:${planned.agentId}:${jobToken}`,
        ...(uploadBytes > 0 ? { 'content-length': uploadBytes } : {}),
      },
      createConnection: () =>
        connect({
          host,
          port: kasPorts.kubernetesApi,
          keepAlive: true, // as kubectl has it: a user does not wait for a kas that lost its power
          keepAliveInitialDelay: 15_000,
        }),
    });
    let answer: IncomingMessage | undefined;
    let reason = 'closed';
    request.once('response', (response) => {
      answer = response;
      response.on('error', () => {});
      this.#read(response);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code === undefined ? error.message : `${error.code} ${error.syscall ?? ''}`.trim();
    });
    request.once('close', () => {
      if (answer === undefined) return this.#end({ kind: 'broken', reason });
      const { statusCode = 0, headers } = answer;
      const finish = () =>
        this.#end(
          answer?.complete === true
            ? { kind: 'answered', httpStatus: statusCode, agent: String(headers['x-agent'] ?? '') }
            : { kind: 'broken', reason },
        );
      if (answer.readableEnded || answer.destroyed) finish();
      else answer.once('close', finish);
    });
    const leaves =
      planned.leavesAfterMs === undefined
        ? undefined
        : this.#kernel.at(planned.leavesAfterMs, () => {
            if (this.endings.length > 0) return;
            this.#end({ kind: 'left' });
            request.destroy();
            answer?.destroy();
          });
    request.once('close', () => {
      if (answer === undefined || answer.readableEnded) this.#kernel.cancel(leaves);
    });
    if (uploadBytes > 0) request.write(contentOf(2 * this.id, 0, uploadBytes));
    request.end();
  }

  #read(response: IncomingMessage): void {
    const { readBytesPerMs } = this.planned;
    const isEcho = response.headers['x-agent'] !== undefined;
    const take = (chunk: Buffer) => {
      if (isEcho) this.download.take(chunk);
      else this.words = (this.words + chunk.toString('latin1')).slice(0, 400);
    };
    if (readBytesPerMs === undefined) return void response.on('data', take);
    if (readBytesPerMs === 0) return;
    const sip = () => {
      if (response.destroyed) return;
      const chunk = response.read(Math.min(response.readableLength, 16 * 1024)) as Buffer | null;
      if (chunk === null) return void response.once('readable', sip);
      take(chunk);
      this.#kernel.at(chunk.length / readBytesPerMs, sip);
    };
    sip();
  }

  #end(ending: Ending): void {
    if (ending.kind !== 'left' && this.ending?.kind === 'left') return;
    this.endings.push(ending);
    this.endedMs = this.#kernel.nowMs;
    const what =
      ending.kind === 'answered' ? ending.httpStatus : ending.kind === 'broken' ? ending.reason : '';
    this.#kernel.log(`request ${this.id} ${ending.kind} ${what} ${this.download.bytes}`);
  }
}
