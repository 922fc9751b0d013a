/**
 * What is said to `git-upload-pack` and what it answers (Git's protocol version 2, and 0 for servers that know no other).
 *
 * 1. One commit and nothing of its history is asked for; without its files, when the server can leave them out.
 * 2. Objects come on band 1; words for people on band 2 are dropped, those on band 3 are why it failed.
 */
import { RepositoryFault } from '../objects/index.ts';
import {
  delimiter,
  flush,
  packet,
  type Packet,
  packetText,
  protocolFault,
  shownText,
} from '../pack-protocol/index.ts';

/** What a server said it can do. */
export interface ServerAbilities {
  readonly version: 0 | 2;
  readonly capabilities: ReadonlyMap<string, string>;
  readonly oidBytes: 20 | 32;
}

/** A server of version 2 says what `fetch` can do in one value, one of version 0 among its capabilities. */
function can({ version, capabilities }: ServerAbilities, feature: string): boolean {
  if (version === 0) return capabilities.has(feature);
  return (capabilities.get('fetch') ?? '').split(' ').includes(feature);
}

/** Whether files can be left out, and asked for one by one later. Servers of version 0 rarely allow the latter. */
export function leavesFilesOut(server: ServerAbilities): boolean {
  return server.version === 2 && can(server, 'filter');
}

/** `ls-refs` for refs of these prefixes; for all when there are none. */
export function lsRefsRequest(server: ServerAbilities, agent: string, prefixes: readonly string[]): Buffer {
  return Buffer.concat([
    ...command(server, 'ls-refs', agent),
    packet('peel\n'),
    packet('symrefs\n'),
    ...prefixes.map((prefix) => packet(`ref-prefix ${prefix}\n`)),
    flush,
  ]);
}

/** A fetch: of a commit without history, or of the files with these ids (1). */
export function fetchRequest(
  server: ServerAbilities,
  agent: string,
  oids: readonly string[],
  kind: 'commit' | 'file',
): Buffer {
  const shallow = kind === 'commit' && can(server, 'shallow');
  if (server.version === 0) {
    if (!server.capabilities.has('side-band-64k')) throw protocolFault('it is too old to be fetched from');
    const wishes = ['side-band-64k', 'ofs-delta', 'no-progress', 'object-format', 'agent']
      .filter((one) => server.capabilities.has(one))
      .map((one) =>
        one === 'agent' ? `agent=${agent}` : one === 'object-format' ? objectFormat(server) : one,
      );
    const more = shallow ? [packet('deepen 1\n')] : [];
    const wants = oids.map((oid, nth) => packet(`want ${oid}${nth === 0 ? ` ${wishes.join(' ')}` : ''}\n`));
    return Buffer.concat([...wants, ...more, flush, packet('done\n')]);
  }
  return Buffer.concat([
    ...command(server, 'fetch', agent),
    packet('no-progress\n'),
    packet('ofs-delta\n'),
    ...(leavesFilesOut(server) ? [packet('filter blob:none\n')] : []),
    ...(shallow ? [packet('deepen 1\n')] : []),
    ...oids.map((oid) => packet(`want ${oid}\n`)),
    packet('done\n'),
    flush,
  ]);
}

function command(server: ServerAbilities, name: string, agent: string): Buffer[] {
  const { capabilities } = server;
  return [
    packet(`command=${name}\n`),
    ...(capabilities.has('agent') ? [packet(`agent=${agent}\n`)] : []),
    ...(capabilities.has('object-format') ? [packet(`${objectFormat(server)}\n`)] : []),
    delimiter,
  ];
}

function objectFormat({ oidBytes }: ServerAbilities): string {
  return `object-format=${oidBytes === 32 ? 'sha256' : 'sha1'}`;
}

/** Reads the answer to a fetch up to its pack, then hands the pack over piece by piece. */
export class FetchAnswer {
  readonly #version: 0 | 2;
  readonly #onPack: (bytes: Buffer) => void;
  #inPack = false;
  #complete = false;

  constructor(version: 0 | 2, onPack: (bytes: Buffer) => void) {
    this.#version = version;
    this.#onPack = onPack;
  }

  /** Whether the pack has come to its end. */
  get complete(): boolean {
    return this.#complete;
  }

  take(packet: Packet): void {
    if (this.#complete) throw protocolFault('it goes on after the end of the pack');
    if (!this.#inPack) this.#takeHead(packet);
    else if (packet.kind === 'flush') this.#complete = true;
    else if (packet.kind === 'delimiter') throw protocolFault('a delimiter within the pack');
    else this.#takeBand(packet.bytes);
  }

  #takeHead(packet: Packet): void {
    if (packet.kind !== 'data') {
      if (this.#version === 2 && packet.kind === 'flush') throw protocolFault('no pack was sent');
      return; // the end of a section
    }
    const text = textOf(packet.bytes);
    // Sections of version 2; lines of version 0: what is shallow, and NAK before the pack.
    if (text === (this.#version === 2 ? 'packfile' : 'NAK')) this.#inPack = true;
    else if (!/^(?:shallow-info|(?:un)?shallow [0-9a-f]+|acknowledgments|NAK|ready)$/.test(text)) {
      throw protocolFault('an unknown line before the pack');
    }
  }

  #takeBand(bytes: Buffer): void {
    const band = bytes[0];
    if (band === 1) this.#onPack(bytes.subarray(1));
    else if (band === 3) throw serverFault(bytes.toString('utf8', 1));
    else if (band !== 2) throw protocolFault('an unknown band'); // 2
  }
}

/** Like `packetText`, and knows what servers say of objects they do not have. */
function textOf(bytes: Buffer): string {
  try {
    return packetText(bytes);
  } catch (error) {
    if (error instanceof RepositoryFault) throw serverFault(error.message);
    throw error;
  }
}

function serverFault(words: string): RepositoryFault {
  const text = shownText(words.replace(/^server says: /, ''));
  const missing = /not our ref|unadvertised object|bad object|no such/i.test(text);
  return new RepositoryFault(missing ? 'notFound' : 'unavailable', `server says: ${text}`);
}
