/**
 * The objects of one repository for the length of one operation: loose files, packs, and the folders borrowed through
 * alternates. Opened anew each time, so a push, a gc or a replaced repository is seen at once; pack files stay open
 * until `close`, so a gc in between does not pull them away.
 *
 * 1. A size is known before the bytes exist: a limit refuses an object before it is inflated.
 * 2. An object not found is looked for once more in a fresh list of packs: a gc may have moved it meanwhile.
 */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  corrupt,
  type GitObject,
  inflateExactly,
  inflateStart,
  isAbsent,
  type ObjectReader,
  type ObjectType,
  readPackedObject,
  refuseAbove,
  RepositoryFault,
} from '../objects/index.ts';
import { openIfPresent, readAt, readWhole } from './bounded-file.ts';
import { type LocalGitLimits, objectFoldersMax, packsMax, smallFileBytesMax } from './limits.ts';
import { PackFile } from './pack-file.ts';

const looseTypes: readonly string[] = ['commit', 'tree', 'blob', 'tag'] satisfies ObjectType[];
const looseHeadBytes = 512;

export class ObjectDatabase implements ObjectReader {
  readonly #gitDir: string;
  readonly #limits: LocalGitLimits;
  readonly #signal: AbortSignal;
  readonly #packs = new Map<string, PackFile>();
  #folders: readonly string[] | undefined;

  constructor(gitDir: string, limits: LocalGitLimits, signal: AbortSignal) {
    this.#gitDir = gitDir;
    this.#limits = limits;
    this.#signal = signal;
  }

  async close(): Promise<void> {
    const packs = [...this.#packs.values()];
    this.#packs.clear();
    await Promise.all(packs.map((pack) => pack.close()));
  }

  /** Reads an object; undefined when the repository does not have it; a fault `tooBig` beyond `bytesMax`. */
  async read(oid: string, bytesMax: number): Promise<GitObject | undefined> {
    if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(oid))
      throw new RepositoryFault('invalid', 'not an object id');
    const found = await this.#readOnce(oid, bytesMax);
    if (found !== undefined) return found;
    await this.#openPacks(oid.length / 2); // 2
    return this.#readOnce(oid, bytesMax);
  }

  async #readOnce(oid: string, bytesMax: number): Promise<GitObject | undefined> {
    for (const folder of await this.#objectFolders()) {
      const loose = await this.#readLoose(join(folder, oid.slice(0, 2), oid.slice(2)), bytesMax);
      if (loose !== undefined) return loose;
    }
    const packed = await this.#findPacked(oid);
    if (packed === undefined) return undefined;
    return readPackedObject(packed, (base) => this.#findPacked(base), {
      bytesMax,
      chainBytesMax: this.#limits.deltaChainBytesMax,
      signal: this.#signal,
    });
  }

  async #readLoose(path: string, bytesMax: number): Promise<GitObject | undefined> {
    this.#signal.throwIfAborted();
    const file = await openIfPresent(path);
    if (file === undefined) return undefined;
    try {
      const head = inflateStart(await readAt(file, 0, looseHeadBytes));
      const end = head.subarray(0, 32).indexOf(0);
      const [type = '', size = ''] = head.toString('latin1', 0, Math.max(end, 0)).split(' ');
      if (!isObjectType(type) || !/^\d{1,15}$/.test(size)) throw corrupt('a loose object has no header');
      const bytes = Number(size);
      refuseAbove(bytes, bytesMax); // 1
      const whole = end + 1 + bytes;
      const deflated = await readAt(file, 0, whole + (whole >> 9) + 256);
      return { type, bytes: (await inflateExactly(deflated, whole)).subarray(end + 1) };
    } finally {
      await file.close();
    }
  }

  async #findPacked(oid: string): Promise<{ pack: PackFile; offset: number } | undefined> {
    if (this.#packs.size === 0) await this.#openPacks(oid.length / 2);
    const bytes = Buffer.from(oid, 'hex');
    for (const pack of this.#packs.values()) {
      this.#signal.throwIfAborted();
      const offset = await pack.find(bytes);
      if (offset !== undefined) return { pack, offset };
    }
    return undefined;
  }

  /** Opens the packs that are not open yet. */
  async #openPacks(oidBytes: number): Promise<void> {
    for (const folder of await this.#objectFolders()) {
      const packFolder = join(folder, 'pack');
      for (const name of await listFolder(packFolder)) {
        const path = join(packFolder, name);
        if (!name.endsWith('.idx') || this.#packs.has(path)) continue;
        this.#signal.throwIfAborted();
        if (this.#packs.size >= packsMax)
          throw new RepositoryFault('unavailable', 'repository has too many packs');
        try {
          this.#packs.set(path, await PackFile.open(path, oidBytes));
        } catch (error) {
          if (!isAbsent(error)) throw error; // gone since the folder was listed: its objects are in a newer pack
        }
      }
    }
  }

  async #objectFolders(): Promise<readonly string[]> {
    if (this.#folders !== undefined) return this.#folders;
    const folders = [join(this.#gitDir, 'objects')];
    for (let next = 0; next < folders.length; next += 1) {
      const folder = folders[next] ?? '';
      const alternates = await readWhole(join(folder, 'info', 'alternates'), smallFileBytesMax);
      for (const line of alternates?.toString('utf8').split('\n') ?? []) {
        if (line === '' || line.startsWith('#')) continue;
        const alternate = resolve(folder, line);
        if (folders.includes(alternate)) continue;
        if (folders.length >= objectFoldersMax) throw corrupt('too many alternates');
        folders.push(alternate);
      }
    }
    this.#folders = folders;
    return folders;
  }
}

function isObjectType(text: string): text is ObjectType {
  return looseTypes.includes(text);
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
