/**
 * A module's request as GitLab is asked (`spec/gitlab.md §1.12`, `spec/wire.md §9.3`).
 *
 * 1. The path stays under the module: kas signs the request, and a path that climbs out would lend an agent the rights of
 *    kas over everything GitLab lets it do.
 * 2. Headers of the agent go along, but for those that say who asks or concern one hop only.
 * 3. A body that fits in the buffer is kept and can be sent again; a longer one is streamed and sent once.
 */
import { Readable } from 'node:stream';
import type { ModuleRequest } from '../../ports/index.ts';
import { cleanRequestHeaders, encodePath, headerValueToNode } from '../../protocol/index.ts';
import { restLimits } from './limits.ts';
import { agentHeaders, kasHeader } from './signature.ts';

const root = '/api/v4/internal/kubernetes/modules/';

/** The encoded path, or what is wrong with it (1). */
export function modulePath({
  moduleName,
  urlPath,
}: ModuleRequest): { readonly path: string } | { readonly fault: string } {
  if (!/^[^./\\][^/\\]*$/.test(moduleName) || Buffer.byteLength(moduleName) > restLimits.moduleNameBytesMax)
    return { fault: 'invalid module name' };
  if (!urlPath.startsWith('/')) return { fault: 'the path of a module request must begin with a slash' };
  // What GitLab's front servers decode once more must not climb either.
  const climbs = urlPath
    .replaceAll(/%2e/gi, '.')
    .split(/[/\\]|%2f|%5c/i)
    .some((segment) => segment === '..' || segment === '.');
  if (climbs) return { fault: 'the path of a module request must not contain . or .. segments' };
  return { path: `${root}${encodeURIComponent(moduleName)}${encodePath(urlPath)}` };
}

const dropped: ReadonlySet<string> = new Set(
  ['Authorization', kasHeader, ...agentHeaders, 'User-Agent', 'Content-Length', 'Expect'].map((name) =>
    name.toLowerCase(),
  ),
);

/** Undefined when the agent wants another protocol (2). */
export function moduleHeaders(headers: readonly string[]): readonly string[] | undefined {
  const cleaned = cleanRequestHeaders(headers, dropped);
  if (cleaned.some((name, index) => index % 2 === 0 && name.toLowerCase() === 'upgrade')) return undefined;
  return cleaned.map((text, index) => (index % 2 === 0 ? text : headerValueToNode(text)));
}

export interface ModuleBody {
  readonly body: Uint8Array | Readable | undefined;
  readonly isRepeatable: boolean;
}

/** Reads the body as far as it is kept (3). Throws what the body throws, and when `signal` aborts. */
export async function moduleBody(
  body: AsyncIterable<Uint8Array> | undefined,
  signal: AbortSignal,
): Promise<ModuleBody> {
  if (body === undefined) return { body: undefined, isRepeatable: true };
  let leave = (): void => {};
  const left = new Promise<never>((_resolve, reject) => {
    leave = () => reject(new Error('cancelled'));
  });
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([collected(body), left]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

async function collected(body: AsyncIterable<Uint8Array>): Promise<ModuleBody> {
  const kept: Uint8Array[] = [];
  let bytes = 0;
  const source = body[Symbol.asyncIterator]();
  while (bytes <= restLimits.moduleBufferBytesMax) {
    const next = await source.next();
    if (next.done === true) {
      return { body: bytes === 0 ? undefined : Buffer.concat(kept, bytes), isRepeatable: true };
    }
    kept.push(next.value);
    bytes += next.value.length;
  }
  return { body: Readable.from(continued(kept, source), { objectMode: false }), isRepeatable: false };
}

async function* continued(
  kept: readonly Uint8Array[],
  source: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* kept;
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
  } finally {
    await source.return?.();
  }
}
