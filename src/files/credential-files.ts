/**
 * Certificates, keys and secrets as files that take effect again when they change. Whoever uses one asks for what is
 * `current` each time, so a renewed certificate or a rotated secret needs no restart.
 *
 * 1. `current` is the same object until the contents change; files that were only touched change nothing.
 * 2. A reading that was given up (deadline, stop) changes nothing when it ends after all.
 * 3. The signature is taken before the reading, so a change during it is noticed after it.
 * 4. Neither contents nor parts of them get into logs or reasons.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { FilesVerdict } from '../../statecharts/index.ts';
import type { Log } from '../ports/index.ts';
import { filesSignature } from './change-notices.ts';
import { fileLimits } from './limits.ts';
import type { WatchedResource } from './watched-files.actor.ts';

/** What the contents of files mean; `reason` says what is wrong and how to mend it, without quoting them. */
export type Meaning<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'invalid'; readonly reason: string };

export interface CredentialFilesOptions<T> {
  /** How the configuration calls them. */
  readonly name: string;
  readonly files: readonly string[];
  readonly parse: (contents: readonly Buffer[]) => Meaning<T>;
  readonly log: Log;
}

export class CredentialFiles<T> implements WatchedResource {
  readonly name: string;
  readonly files: readonly string[];
  /** What is wrong with the files as they are now; empty when they are in force. */
  problem = '';
  readonly #options: CredentialFilesOptions<T>;
  #inForce: { readonly value: T; readonly digest: string } | undefined;
  #readSignature = '';

  constructor(options: CredentialFilesOptions<T>) {
    this.name = options.name;
    this.files = options.files;
    this.#options = options;
  }

  /** What is in force. Only after a first good reading. */
  get current(): T {
    if (this.#inForce === undefined) throw new Error(`${this.name}: not read yet`);
    return this.#inForce.value;
  }

  wasRead(signature: string): boolean {
    return signature === this.#readSignature;
  }

  async read(signal: AbortSignal): Promise<FilesVerdict> {
    const signature = await filesSignature(this.files); // 3
    const contents = await Promise.all(this.files.map(contentsOf));
    signal.throwIfAborted(); // 2
    this.#readSignature = signature;
    const bytes: Buffer[] = [];
    for (const one of contents) {
      if (one.kind === 'invalid') return this.#reject(one.reason);
      bytes.push(one.value);
    }
    const digest = digestOf(bytes);
    if (digest === this.#inForce?.digest) return this.#accept(); // 1
    const meaning = this.#options.parse(bytes);
    if (meaning.kind === 'invalid') return this.#reject(`${this.files.join(', ')}: ${meaning.reason}`);
    const first = this.#inForce === undefined;
    this.#inForce = { value: meaning.value, digest };
    if (!first) this.#options.log.info('Changed file is in force', { key: this.name, files: this.files });
    return this.#accept();
  }

  #accept(): FilesVerdict {
    this.problem = '';
    return { kind: 'accepted' };
  }

  #reject(reason: string): FilesVerdict {
    this.problem = reason;
    if (this.#inForce !== undefined) {
      this.#options.log.error('Changed file cannot be used; the last good one stays in force', {
        key: this.name,
        problem: reason,
      });
    }
    return { kind: 'rejected', reason };
  }
}

function digestOf(contents: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const bytes of contents) hash.update(`${bytes.length}:`).update(bytes);
  return hash.digest('base64');
}

async function contentsOf(file: string): Promise<Meaning<Buffer>> {
  const refused = (reason: string) => ({ kind: 'invalid', reason: `${file}: ${reason}` }) as const;
  try {
    const found = await stat(file);
    if (!found.isFile()) return refused('is not a file'); // reading a pipe would wait for its writer
    if (found.size > fileLimits.credentialBytesMax) {
      return refused(`has ${found.size} bytes, at most ${fileLimits.credentialBytesMax} are read`);
    }
    return { kind: 'ok', value: await readFile(file) };
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    return refused(error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${String(error.code)})`);
  }
}
