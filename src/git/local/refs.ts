/**
 * Refs of a repository: loose files first, then `packed-refs`, as git reads them. Names are exact; nothing is guessed
 * but the default branch behind an unusable `HEAD`.
 */
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { corrupt, isAbsent, RepositoryFault } from '../objects/index.ts';
import { isRefName, refNamesToTry } from '../pack-protocol/index.ts';
import { readWhole } from './bounded-file.ts';
import { refHopsMax, smallFileBytesMax } from './limits.ts';

const oidPattern = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** The object a ref points at: `HEAD` with its fall-backs, any other name exactly. Not peeled. */
export async function findRef(
  gitDir: string,
  ref: string,
  packedBytesMax: number,
): Promise<string | undefined> {
  const packed = new PackedRefs(gitDir, packedBytesMax);
  for (const name of refNamesToTry(ref)) {
    const oid = await follow(gitDir, name, packed);
    if (oid !== undefined) return oid;
  }
  return undefined;
}

/** Whether the repository has any ref at all; `HEAD` of an empty one points at a branch that is not there. */
export async function hasRefs(gitDir: string, packedBytesMax: number): Promise<boolean> {
  if (await new PackedRefs(gitDir, packedBytesMax).any()) return true;
  try {
    const folder = await opendir(join(gitDir, 'refs'), { recursive: true });
    // Leaving the loop closes the folder.
    for await (const entry of folder) if (entry.isFile() && !entry.name.endsWith('.lock')) return true;
    return false;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

async function follow(gitDir: string, start: string, packed: PackedRefs): Promise<string | undefined> {
  let name = start;
  for (let hop = 0; hop < refHopsMax; hop += 1) {
    const text = (await readWhole(join(gitDir, name), smallFileBytesMax))?.toString('utf8').trim();
    if (text === undefined || text === '') return packed.find(name);
    if (oidPattern.test(text)) return text;
    if (!text.startsWith('ref:')) throw corrupt(`ref ${name} holds no object id`);
    name = text.slice('ref:'.length).trim();
    if (name === 'refs/heads/.invalid') {
      throw new RepositoryFault('invalid', 'repository keeps its refs in a reftable, which is not supported');
    }
    if (!isRefName(name)) throw corrupt(`ref ${start} points at a bad name`);
  }
  throw corrupt(`ref ${start} points in a circle`);
}

/** `packed-refs`, read when first needed. */
class PackedRefs {
  readonly #path: string;
  readonly #bytesMax: number;
  #text: string | undefined;

  constructor(gitDir: string, bytesMax: number) {
    this.#path = join(gitDir, 'packed-refs');
    this.#bytesMax = bytesMax;
  }

  async find(ref: string): Promise<string | undefined> {
    const text = await this.#read();
    const at = text.indexOf(` ${ref}\n`);
    if (at < 0) return undefined;
    const oid = text.slice(text.lastIndexOf('\n', at) + 1, at);
    if (!oidPattern.test(oid)) throw corrupt('packed-refs holds a bad line');
    return oid;
  }

  async any(): Promise<boolean> {
    return /^[0-9a-f]{40}/m.test(await this.#read());
  }

  async #read(): Promise<string> {
    if (this.#text === undefined) {
      const bytes = await readWhole(this.#path, this.#bytesMax);
      this.#text = `${bytes?.toString('utf8') ?? ''}\n`;
    }
    return this.#text;
  }
}
