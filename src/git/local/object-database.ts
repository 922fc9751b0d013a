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
import { openIfPresent, readAt, readWhole } from './bounded-file.ts';
import { applyDelta, deltaSizes } from './delta.ts';
import { inflateExactly, inflateStart } from './inflate.ts';
import {
  type LocalGitLimits,
  deltaHopsMax,
  objectFoldersMax,
  packsMax,
  smallFileBytesMax,
} from './limits.ts';
import { type ObjectType, type PackedHeader, PackFile } from './pack-file.ts';
import { corrupt, isAbsent, RepositoryFault } from './repository-fault.ts';

export interface GitObject {
  readonly type: ObjectType;
  readonly bytes: Buffer;
}

const looseTypes: readonly string[] = ['commit', 'tree', 'blob', 'tag'] satisfies ObjectType[];
const looseHeadBytes = 512;

export class ObjectDatabase {
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
    return packed === undefined ? undefined : this.#readPacked(packed.pack, packed.offset, bytesMax);
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

  async #readPacked(from: PackFile, at: number, bytesMax: number): Promise<GitObject> {
    const deltas: Buffer[] = [];
    let pack = from;
    let header = await pack.header(at);
    let held = 0;
    while (header.kind !== 'whole') {
      this.#signal.throwIfAborted();
      held += header.size;
      this.#refuseChain(held, deltas.length);
      const delta = await pack.data(header);
      const { resultBytes } = deltaSizes(delta);
      if (deltas.length === 0) refuseAbove(resultBytes, bytesMax); // 1
      held += resultBytes;
      deltas.push(delta);
      ({ pack, header } = await this.#base(pack, header));
    }
    if (deltas.length === 0) refuseAbove(header.size, bytesMax); // 1
    else this.#refuseChain(held + header.size, deltas.length);
    let bytes = await pack.data(header);
    for (const delta of deltas.reverse()) bytes = applyDelta(bytes, delta);
    return { type: header.type, bytes };
  }

  async #base(pack: PackFile, header: PackedHeader): Promise<{ pack: PackFile; header: PackedHeader }> {
    if (header.kind === 'deltaOfOffset') return { pack, header: await pack.header(header.baseOffset) };
    if (header.kind === 'whole') return { pack, header };
    const base = await this.#findPacked(header.baseOid);
    if (base === undefined) throw corrupt('a delta has no base');
    return { pack: base.pack, header: await base.pack.header(base.offset) };
  }

  #refuseChain(bytes: number, hops: number): void {
    if (bytes > this.#limits.deltaChainBytesMax)
      throw new RepositoryFault('tooBig', 'delta chain is too large');
    if (hops >= deltaHopsMax) throw corrupt('a delta chain does not end');
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

function refuseAbove(bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return;
  throw new RepositoryFault(
    'tooBig',
    `object size (${bytes}) is bigger than the maximum allowed size (${bytesMax})`,
  );
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
