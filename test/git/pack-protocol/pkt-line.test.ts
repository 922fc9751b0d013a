import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Advertisement,
  delimiter,
  flush,
  packet,
  PacketDecoder,
  RefChoice,
} from '../../../src/git/pack-protocol/index.ts';
import { RepositoryFault } from '../../../src/git/objects/index.ts';

/** Cuts bytes at the given places, in order. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, nth) => bytes.subarray(at[nth], end));
}

function decode(chunks: readonly Buffer[]): string[] {
  const decoder = new PacketDecoder();
  const seen: string[] = [];
  for (const chunk of chunks) {
    for (const one of decoder.push(chunk))
      seen.push(one.kind === 'data' ? one.bytes.toString('hex') : one.kind);
  }
  decoder.end();
  return seen;
}

const oid = 'a'.repeat(40);

describe('pkt-lines', () => {
  it('come out as they went in, wherever the stream was cut', () => {
    const item = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.constantFrom<'flush' | 'delimiter'>('flush', 'delimiter'),
    );
    fc.assert(
      fc.property(fc.array(item), fc.array(fc.nat(), { maxLength: 20 }), (items, places) => {
        const encoded = items.map((one) =>
          one === 'flush' ? flush : one === 'delimiter' ? delimiter : packet(one),
        );
        const expected = items.map((one) =>
          one === 'flush' || one === 'delimiter' ? one : Buffer.from(one).toString('hex'),
        );
        expect(decode(cut(Buffer.concat(encoded), places))).toEqual(expected);
      }),
    );
  });

  it('of any bytes are packets or a fault, never anything else', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
      fc
        .array(fc.constantFrom('0000', '0001', '0004', '0005x', '000', 'fff0', 'FFFF', '0002', 'g'), {
          maxLength: 30,
        })
        .map((parts) => Buffer.from(parts.join(''))),
    );
    fc.assert(
      fc.property(hostile, fc.array(fc.nat(), { maxLength: 5 }), (bytes, places) => {
        try {
          decode(cut(bytes, places));
        } catch (error) {
          expect(error).toBeInstanceOf(RepositoryFault);
        }
      }),
    );
  });

  it('take the largest packet there is and none larger', () => {
    const largest = Buffer.concat([Buffer.from('fff0'), Buffer.alloc(65_516, 'x')]);
    expect(decode([largest])).toHaveLength(1);
    expect(() => decode([Buffer.from('fff1')])).toThrow(RepositoryFault);
  });

  it('keep less than one packet between chunks, and cost a byte once', () => {
    const decoder = new PacketDecoder();
    const whole = packet('x'.repeat(60_000));
    const seen: number[] = [];
    for (let at = 0; at < whole.length; at += 1_000) {
      for (const one of decoder.push(whole.subarray(at, at + 1_000))) {
        if (one.kind === 'data') seen.push(one.bytes.length);
      }
    }
    expect(seen).toEqual([60_000]);
    decoder.end();
  });
});

describe('a list of refs', () => {
  const read = (wanted: string, lines: readonly (string | Buffer)[]) => {
    const choice = new RefChoice(wanted);
    const advertisement = new Advertisement(choice);
    for (const one of new PacketDecoder().push(
      Buffer.concat(lines.map((line) => (typeof line === 'string' ? packet(line) : line))),
    )) {
      advertisement.take(one);
    }
    return { advertisement, choice };
  };

  it('gives its capabilities, also without a greeting', () => {
    const { advertisement, choice } = read('HEAD', [
      `${oid} HEAD\0multi_ack side-band-64k shallow symref=HEAD:refs/heads/main object-format=sha1\n`,
      flush,
    ]);
    expect([...advertisement.capabilities]).toContainEqual(['object-format', 'sha1']);
    expect(advertisement.version).toBe(0);
    expect(choice.answer()).toEqual({ kind: 'commit', commitId: oid });
  });

  it('may say that it is of version 1 and may end with what is shallow', () => {
    const { advertisement, choice } = read('refs/heads/x', [
      '# service=git-upload-pack\n',
      flush,
      'version 1\n',
      `${oid} refs/heads/x\0cap\n`,
      `shallow ${oid}\n`,
      flush,
    ]);
    expect(advertisement).toMatchObject({ version: 1, complete: true });
    expect(choice.answer()).toEqual({ kind: 'commit', commitId: oid });
  });

  it('is no list in version 2, but capabilities', () => {
    const { advertisement } = read('HEAD', ['version 2\n', 'agent=git/2\n', 'fetch=shallow filter\n', flush]);
    expect(advertisement).toMatchObject({ version: 2, complete: true });
    expect(advertisement.capabilities.get('fetch')).toBe('shallow filter');
  });

  it('is passed over where it cannot matter, without missing what does', () => {
    const names = fc.array(
      fc.constantFrom(
        'HEAD',
        'refs/heads/a',
        'refs/heads/b',
        'refs/heads/main',
        'refs/heads/mäin',
        'refs/tags/x',
        'refs/tags/xy',
      ),
      { minLength: 2 },
    );
    fc.assert(
      fc.property(
        fc.constantFrom('HEAD', 'refs/heads/b', 'refs/heads/mäin', 'refs/tags/x'),
        names,
        (wanted, listed) => {
          const unique: readonly string[] = [...new Set(listed)];
          const id = (name: string) => Buffer.from(name.padEnd(20, ' ')).toString('hex').slice(0, 40);
          const { choice } = read(wanted, [
            ...unique.map((name, nth) => `${id(name)} ${name}${nth === 0 ? '\0cap' : ''}\n`),
            flush,
          ]);
          const tried: readonly string[] = wanted === 'HEAD' ? ['HEAD', 'refs/heads/main'] : [wanted];
          const found = tried.find((name) => unique.includes(name));
          expect(choice.answer()).toEqual(
            found === undefined
              ? { kind: 'notFound', reason: wanted }
              : { kind: 'commit', commitId: id(found) },
          );
        },
      ),
    );
  });

  it('of any text decides or faults', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(`${oid} HEAD\0x`, `${oid} refs/tags/x`, `${oid} refs/tags/x^{}`),
    );
    fc.assert(
      fc.property(fc.array(line), fc.constantFrom('HEAD', 'refs/tags/x'), (lines, wanted) => {
        try {
          expect(read(wanted, lines).choice.answer()).toHaveProperty('kind');
        } catch (error) {
          expect(error).toBeInstanceOf(RepositoryFault);
        }
      }),
    );
  });
});
