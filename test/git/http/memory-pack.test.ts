import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { httpGitLimits } from '../../../src/git/http/limits.ts';
import { MemoryPack } from '../../../src/git/http/memory-pack.ts';
import { RepositoryFault } from '../../../src/git/objects/index.ts';
import { BareRepository, run, temporaryFolder } from '../bare-repository.ts';
import { join } from 'node:path';

const never = new AbortController().signal;
const open = (bytes: Buffer, limits = {}) =>
  MemoryPack.open(bytes, 20, { ...httpGitLimits, ...limits }, never);
const name = (type: string, bytes: Buffer) =>
  createHash('sha1').update(`${type} ${bytes.length}\0`).update(bytes).digest('hex');

function header(type: number, size: number): Buffer {
  const bytes = [(type << 4) | (size & 0x0f)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 0x80;
    bytes.push(rest % 128);
  }
  return Buffer.from(bytes);
}
function entry(type: number, data: Buffer, size = data.length, base = Buffer.alloc(0)): Buffer {
  return Buffer.concat([header(type, size), base, deflateSync(data)]);
}
function pack(entries: readonly Buffer[], count = entries.length): Buffer {
  const head = Buffer.alloc(12);
  head.write('PACK', 'latin1');
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(count, 8);
  return Buffer.concat([head, ...entries, Buffer.alloc(20)]);
}
/** A delta that copies its whole base so many times. */
function copies(base: number, times: number): Buffer {
  const size = (value: number) => {
    const bytes: number[] = [];
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      bytes.push(rest >= 128 ? (rest % 128) | 0x80 : rest);
      if (rest < 128) return Buffer.from(bytes);
    }
  };
  const copy = Buffer.from([0x80 | 0x10 | 0x20 | 0x40, base & 0xff, (base >> 8) & 0xff, base >> 16]);
  return Buffer.concat([size(base), size(base * times), ...Array.from({ length: times }, () => copy)]);
}

describe('a pack in memory', () => {
  it('gives every object git packed, under the name git gives it', async () => {
    await using folder = await temporaryFolder();
    const repo = await BareRepository.init(join(folder.path, 'x.git'));
    const text = Array.from({ length: 500 }, (_, nth) => `line ${nth}`).join('\n');
    for (let nth = 0; nth < 12; nth += 1)
      await repo.commit({ 'a.txt': `${text}\n${nth}`, [`d/${nth}`]: `${nth}` });
    await repo.commit({ big: Buffer.alloc(3_000_000, 'z') });
    await repo.git('tag', '-a', '-m', 'x', 'v1', 'main');
    const listed = (await repo.git('rev-list', '--objects', '--all'))
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '');
    const bytes = await run(
      'git',
      ['--git-dir', repo.gitDir, 'pack-objects', '--stdout', '--delta-base-offset', '-q'],
      Buffer.from(`${listed.join('\n')}\n`),
    );
    const made = await open(bytes);
    for (const oid of listed) {
      const object = await made.read(oid, 8_000_000);
      expect(object && name(object.type, object.bytes)).toBe(oid);
    }
    expect(await made.read('0'.repeat(40), 10)).toBeUndefined();
  });

  it('knows objects only by what they are', async () => {
    const made = await open(pack([entry(3, Buffer.from('real'))]));
    expect(await made.read(name('blob', Buffer.from('real')), 10)).toMatchObject({ type: 'blob' });
    expect(await made.read(name('blob', Buffer.from('claimed')), 10)).toBeUndefined();
  });

  it('names deltas on objects that come later, and on each other', async () => {
    const base = Buffer.from('0123456789abcdef');
    const twice = Buffer.concat([base, base]);
    const four = Buffer.concat([twice, twice]);
    const byName = (bytes: Buffer) => Buffer.from(name('blob', bytes), 'hex');
    const onTwice = copies(twice.length, 2);
    const onBase = copies(base.length, 2);
    const made = await open(
      pack([
        entry(7, onTwice, onTwice.length, byName(twice)),
        entry(7, onBase, onBase.length, byName(base)),
        entry(3, base),
      ]),
    );
    for (const bytes of [base, twice, four]) {
      expect((await made.read(name('blob', bytes), 100))?.bytes).toEqual(bytes);
    }
  });

  it('holds its bounds against bombs', async () => {
    const zeros = Buffer.alloc(1_000_000);
    await expect(open(pack([entry(3, zeros)]), { unpackedBytesMax: 100_000 })).rejects.toThrow(
      RepositoryFault,
    );
    // Declared small, unpacks large.
    await expect(open(pack([entry(3, zeros, 10)]))).rejects.toThrow(RepositoryFault);
    // Declared large, is small.
    await expect(open(pack([entry(3, Buffer.from('x'), 5_000_000)]))).rejects.toThrow(RepositoryFault);
    // More objects than bytes.
    await expect(open(pack([entry(3, Buffer.from('x'))], 4_000_000_000))).rejects.toThrow(RepositoryFault);
    // A small delta that makes a gigabyte.
    const base = Buffer.alloc(65_536, 'b');
    const bomb = copies(base.length, 16_384);
    const made = await open(
      pack([entry(3, base), entry(7, bomb, bomb.length, Buffer.from(name('blob', base), 'hex'))]),
    );
    expect(await made.read('1'.repeat(40), 10)).toBeUndefined();
  });

  it('comes to an end with deltas in a circle', async () => {
    const delta = copies(16, 1);
    const made = await open(pack([entry(7, delta, delta.length, Buffer.alloc(20, 1))]));
    expect(await made.read('2'.repeat(40), 10)).toBeUndefined();
  });

  it('is a pack or a fault, whatever the bytes', async () => {
    const good = pack([entry(1, Buffer.from('tree x')), entry(3, Buffer.from('y'.repeat(300)))]);
    const mutated = fc
      .array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 })
      .map((changes) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        return bytes;
      });
    const cut = fc.nat({ max: good.length }).map((length) => good.subarray(0, length));
    const any = fc
      .uint8Array({ maxLength: 200 })
      .map((bytes) => Buffer.concat([good.subarray(0, 12), bytes]));
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, cut, any), async (bytes) => {
        try {
          const made = await open(bytes);
          await made.read('3'.repeat(40), 1_000);
        } catch (error) {
          expect(error).toBeInstanceOf(RepositoryFault);
        }
      }),
      { numRuns: 300 },
    );
  });
});
