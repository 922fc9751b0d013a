/**
 * A Gitaly for tests (`spec/gitlab.md §3`): a real gRPC server over real bare repositories, answered by the git binary. It
 * checks tokens as Gitaly does, answers as the version it is told to be, and misbehaves on demand.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import type { GitRepository } from '../../../src/ports/index.ts';
import {
  decode,
  encode,
  type GetTreeEntriesRequest,
  GetTreeEntriesErrorSchema,
  GetTreeEntriesResponseSchema,
  type InfoRefsRequest,
  InfoRefsResponseSchema,
  type Method,
  methods,
  type Repository,
  StatusCode,
  StatusMessageSchema,
  type TreeEntryRequest,
  TreeEntryResponse_ObjectType,
  TreeEntryResponseSchema,
} from '../../../src/protocol/index.ts';
import { run } from '../../git/bare-repository.ts';
import { listTree } from './tree-listing.ts';

/** Which Gitaly it is: 14.x, that of October 2023 (kas 16.5's), or from 16.8 on. */
export type GitalyVersion = '14' | '16.5' | '16.8';
export type MethodName = 'InfoRefsUploadPack' | 'TreeEntry' | 'GetTreeEntries';
/** What happens instead of the right answer. */
export type Misbehaviour =
  | {
      readonly kind: 'status';
      readonly code: number;
      readonly message: string;
      readonly details?: Uint8Array;
    }
  /** Nothing, ever. */
  | { readonly kind: 'hang' }
  /** These messages, encoded, then OK. */
  | { readonly kind: 'messages'; readonly messages: readonly Uint8Array[] }
  /** The first so many messages of the right answer, then nothing more. */
  | { readonly kind: 'stall'; readonly after: number };

export interface RecordedCall {
  readonly method: MethodName;
  readonly metadata: Readonly<Record<string, string>>;
  /** The client went away before the answer was complete. */
  cancelled: boolean;
}
export interface FakeGitalyOptions {
  /** Folders of repositories by the names of their storages. */
  readonly storages: Readonly<Record<string, string>>;
  /** Empty: everybody may ask. */
  readonly token?: string;
  readonly version?: GitalyVersion;
  /** Milliseconds since the epoch, for the check of tokens. */
  readonly now?: () => number;
  /** Where to listen: a TCP address of gRPC or `unix:path`. */
  readonly listen?: string;
  readonly credentials?: ServerCredentials;
  /** Of the chunks answers are cut into; Gitaly's own is 128 KiB. */
  readonly chunkBytes?: number;
}

type Failure = { readonly code: number; readonly message: string; readonly details?: Uint8Array };
/** Messages of an answer, already encoded, or why there is none. */
type Answer = readonly Uint8Array[] | Failure;

const tokenSecondsMax = 30;

export class FakeGitaly implements AsyncDisposable {
  readonly calls: RecordedCall[] = [];
  version: GitalyVersion;
  token: string;
  #port = 0;
  readonly #options: FakeGitalyOptions;
  readonly #server = new Server();
  readonly #misbehaviours = new Map<MethodName, Misbehaviour>();

  private constructor(options: FakeGitalyOptions) {
    this.#options = options;
    this.version = options.version ?? '16.8';
    this.token = options.token ?? '';
  }

  static async start(options: FakeGitalyOptions): Promise<FakeGitaly> {
    const gitaly = new FakeGitaly(options);
    await gitaly.#listen();
    return gitaly;
  }

  get port(): number {
    return this.#port;
  }
  /** As GitLab would give it. */
  get address(): string {
    return this.#options.listen?.startsWith('unix:') === true
      ? this.#options.listen
      : `tcp://127.0.0.1:${this.#port}`;
  }

  /** A repository of a storage as GitLab would describe it. */
  repository(
    relativePath: string,
    more: {
      readonly projectPath?: string;
      readonly features?: Record<string, string>;
      readonly storage?: string;
    } = {},
  ): GitRepository {
    return {
      projectPath: more.projectPath ?? 'demo/agents',
      location: {
        kind: 'gitaly',
        address: this.address,
        token: this.token,
        features: more.features ?? {},
        storageName: more.storage ?? 'default',
        relativePath,
        glRepository: 'project-1',
      },
    };
  }

  /** Until told otherwise; undefined behaves again. */
  misbehave(method: MethodName, how: Misbehaviour | undefined): void {
    if (how === undefined) this.#misbehaviours.delete(method);
    else this.#misbehaviours.set(method, how);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    await Promise.resolve();
  }

  async #listen(): Promise<void> {
    this.#serve(methods.infoRefsUploadPack, (request) => this.#infoRefs(request));
    this.#serve(methods.treeEntry, (request) => this.#treeEntry(request));
    this.#serve(methods.getTreeEntries, (request) => this.#treeEntries(request));
    const { listen = '127.0.0.1:0', credentials = ServerCredentials.createInsecure() } = this.#options;
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(listen, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  #serve<M extends Method>(
    method: M,
    answer: (request: ReturnType<typeof decode<M['request']>>) => Promise<Answer>,
  ) {
    const name = method.name as MethodName;
    const handler = (
      call: ServerWritableStream<ReturnType<typeof decode<M['request']>>, Uint8Array>,
    ): void => {
      void this.#handle(name, call, () => answer(call.request));
    };
    this.#server.addService(
      {
        [name]: {
          path: method.path,
          requestStream: false,
          responseStream: true,
          requestSerialize: (bytes: Uint8Array) => Buffer.from(bytes),
          requestDeserialize: (bytes: Buffer) => decode(method.request, bytes),
          responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes),
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      { [name]: handler as UntypedHandleCall },
    );
  }

  async #handle(
    method: MethodName,
    call: ServerWritableStream<unknown, Uint8Array>,
    answer: () => Promise<Answer>,
  ): Promise<void> {
    const metadata = Object.fromEntries(
      Object.entries(call.metadata.getMap()).map(([key, value]) => [key, String(value)]),
    );
    const recorded: RecordedCall = { method, metadata, cancelled: false };
    this.calls.push(recorded);
    call.on('cancelled', () => {
      recorded.cancelled = true;
    });
    const refusal = this.#refusal(metadata['authorization']);
    const how = this.#misbehaviours.get(method);
    if (how?.kind === 'hang') return;
    const result = refusal ?? (await this.#answerOr(how, answer));
    if (!('length' in result)) return fail(call, result);
    const until = how?.kind === 'stall' ? how.after : result.length;
    for (const message of result.slice(0, until)) call.write(message);
    if (how?.kind !== 'stall') call.end();
  }

  async #answerOr(how: Misbehaviour | undefined, answer: () => Promise<Answer>): Promise<Answer> {
    if (how?.kind === 'status') return how;
    if (how?.kind === 'messages') return how.messages;
    return answer().catch((error: unknown) => ({ code: StatusCode.Internal, message: String(error) }));
  }

  /** `spec/gitlab.md §3.2`. */
  #refusal(authorization: string | undefined): Failure | undefined {
    if (this.token === '') return undefined;
    const bearer = /^Bearer (?<token>\S+)$/.exec(authorization ?? '')?.groups?.['token'];
    const parts = bearer?.split('.') ?? [];
    if (parts.length !== 3) return { code: StatusCode.Unauthenticated, message: 'authentication required' };
    const [version, digest = '', seconds = ''] = parts;
    const right = createHmac('sha256', this.token).update(seconds).digest('hex');
    const now = (this.#options.now?.() ?? Date.now()) / 1_000;
    const accepted =
      version === 'v2' &&
      digest.length === right.length &&
      timingSafeEqual(Buffer.from(digest), Buffer.from(right)) &&
      Math.abs(now - Number(seconds)) <= tokenSecondsMax;
    return accepted ? undefined : { code: StatusCode.PermissionDenied, message: 'permission denied' };
  }

  async #infoRefs({ repository }: InfoRefsRequest): Promise<Answer> {
    const gitDir = await this.#gitDir(repository);
    if (typeof gitDir !== 'string') return gitDir;
    const refs = await run('git', ['upload-pack', '--stateless-rpc', '--advertise-refs', gitDir]);
    const greeting = Buffer.from('001e# service=git-upload-pack\n0000');
    return this.#chunks(Buffer.concat([greeting, refs])).map((data) =>
      encode(InfoRefsResponseSchema, create(InfoRefsResponseSchema, { data })),
    );
  }

  async #treeEntry({ repository, revision, path, maxSize }: TreeEntryRequest): Promise<Answer> {
    const gitDir = await this.#gitDir(repository);
    if (typeof gitDir !== 'string') return gitDir;
    const found = await lookUp(gitDir, text(revision), text(path));
    if (found === undefined) {
      // Before errors were used, a file that is not there was an empty first message.
      if (this.version === '14')
        return [encode(TreeEntryResponseSchema, create(TreeEntryResponseSchema, {}))];
      return { code: StatusCode.NotFound, message: 'tree entry not found' };
    }
    const { type, oid, mode } = found;
    const isBlob = type === 'blob';
    const data = isBlob ? await run('git', ['--git-dir', gitDir, 'cat-file', 'blob', oid]) : Buffer.alloc(0);
    if (maxSize > 0n && data.length > Number(maxSize)) {
      const message = `object size (${data.length}) is bigger than the maximum allowed size (${maxSize})`;
      return { code: StatusCode.FailedPrecondition, message };
    }
    const first = { type: objectTypes[type] ?? 0, oid, size: BigInt(data.length), mode };
    return this.#chunks(data).map((data, nth) =>
      encode(TreeEntryResponseSchema, create(TreeEntryResponseSchema, { ...(nth === 0 ? first : {}), data })),
    );
  }

  async #treeEntries(request: GetTreeEntriesRequest): Promise<Answer> {
    const gitDir = await this.#gitDir(request.repository);
    if (typeof gitDir !== 'string') return gitDir;
    if (request.path.length === 0) return { code: StatusCode.InvalidArgument, message: 'empty Path' };
    if (text(request.revision).startsWith('-')) {
      return { code: StatusCode.InvalidArgument, message: "revision can't start with '-'" };
    }
    const entries = await listTree(gitDir, request);
    if (entries !== undefined) {
      return entries.map((some) =>
        encode(GetTreeEntriesResponseSchema, create(GetTreeEntriesResponseSchema, { entries: some })),
      );
    }
    if (this.version === '14') return [];
    const code =
      this.version === '16.8' && request.recursive ? StatusCode.NotFound : StatusCode.InvalidArgument;
    return { code, message: 'invalid revision or path', details: unresolved(request.revision, code) };
  }

  async #gitDir(repository: Repository | undefined): Promise<string | Failure> {
    const root = this.#options.storages[repository?.storageName ?? ''];
    if (repository === undefined || root === undefined) {
      return { code: StatusCode.InvalidArgument, message: 'storage name not found' };
    }
    const gitDir = join(root, repository.relativePath);
    const found = await stat(join(gitDir, 'HEAD')).catch(() => undefined);
    return found === undefined ? { code: StatusCode.NotFound, message: 'repository not found' } : gitDir;
  }

  /** At least one, so that an empty file is a message too. */
  #chunks(bytes: Buffer): Buffer[] {
    const size = this.#options.chunkBytes ?? 128 * 1024;
    const chunks: Buffer[] = [];
    for (let at = 0; at === 0 || at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    return chunks;
  }
}

const objectTypes: Readonly<Record<string, TreeEntryResponse_ObjectType>> = {
  blob: TreeEntryResponse_ObjectType.BLOB,
  tree: TreeEntryResponse_ObjectType.TREE,
  commit: TreeEntryResponse_ObjectType.COMMIT,
};

/** The detail `GetTreeEntriesError.resolve_tree` as it travels. */
export function unresolved(revision: Uint8Array, code: number): Uint8Array {
  const value = encode(
    GetTreeEntriesErrorSchema,
    create(GetTreeEntriesErrorSchema, { error: { case: 'resolveTree', value: { revision } } }),
  );
  const detail = create(AnySchema, { typeUrl: 'type.googleapis.com/gitaly.GetTreeEntriesError', value });
  return encode(StatusMessageSchema, create(StatusMessageSchema, { code, details: [detail] }));
}

async function lookUp(gitDir: string, revision: string, path: string) {
  const line = await run('git', ['--git-dir', gitDir, 'ls-tree', '-z', revision, path]).then(
    (bytes) => bytes.toString('utf8').split('\0')[0] ?? '',
    () => '',
  );
  const match = /^(?<mode>\d+) (?<type>\w+) (?<oid>[0-9a-f]+)\t/.exec(line)?.groups;
  if (match === undefined) return undefined;
  const { mode = '', type = '', oid = '' } = match;
  return { mode: Number.parseInt(mode, 8), type, oid };
}

function fail(call: ServerWritableStream<unknown, Uint8Array>, { code, message, details }: Failure): void {
  const metadata = new Metadata();
  if (details !== undefined) metadata.set('grpc-status-details-bin', Buffer.from(details));
  call.emit('error', Object.assign(new Error(message), { code, details: message, metadata }));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
