/**
 * The list of refs every server of protocol version 0 begins with; Gitaly passes on the same (`spec/gitlab.md §3.5`):
 * `# service=git-upload-pack`, flush, `<oid> <name>\0<capabilities>`, `<oid> <name>` ..., flush. A server asked for version 2
 * answers its capabilities in the same place.
 */
import { type Packet, packetText, protocolFault } from './pkt-line.ts';
import type { RefChoice } from './ref-choice.ts';

/** Reads packets of an advertisement. */
export class Advertisement {
  readonly #choice: RefChoice;
  readonly capabilities = new Map<string, string>();
  version: 0 | 1 | 2 = 0;
  #lines = 0;
  #greeted = false;
  #complete = false;

  constructor(choice: RefChoice) {
    this.#choice = choice;
  }

  /** Whether the list has come to its end. */
  get complete(): boolean {
    return this.#complete;
  }

  take(packet: Packet): void {
    if (this.#complete) throw protocolFault('it goes on after the end of the refs');
    if (packet.kind === 'delimiter') throw protocolFault('a delimiter among the refs');
    if (packet.kind === 'flush') {
      // The first one ends the greeting, if there was one.
      if (this.#greeted && this.#lines === 0) this.#greeted = false;
      else this.#complete = true;
      return;
    }
    // The first line has the capabilities, and those of version 2 have nothing else.
    if (this.#lines > 1 && this.version !== 2 && this.#choice.pass(packet.bytes)) return;
    const text = packetText(packet.bytes);
    if (this.#lines === 0 && text.startsWith('# service=')) {
      if (text !== '# service=git-upload-pack') throw protocolFault('it offers another service');
      this.#greeted = true;
      return;
    }
    this.#greeted = false;
    this.#lines += 1;
    if (this.#lines === 1 && /^version [12]$/.test(text)) this.version = text.endsWith('1') ? 1 : 2;
    else if (this.version === 2) this.#addCapability(text);
    else this.#addRef(text);
  }

  #addRef(text: string): void {
    const end = text.indexOf('\0');
    const line = end < 0 ? text : text.slice(0, end);
    if (end >= 0) for (const capability of text.slice(end + 1).split(' ')) this.#addCapability(capability);
    const space = line.indexOf(' ');
    const isRef = space > 0 && this.#choice.offer(line.slice(space + 1), line.slice(0, space));
    if (!isRef && !line.startsWith('shallow ')) throw protocolFault('a line that is no ref');
  }

  #addCapability(text: string): void {
    if (text === '' || this.capabilities.size >= 256) return;
    const equals = text.indexOf('=');
    const key = equals < 0 ? text : text.slice(0, equals);
    if (!this.capabilities.has(key)) this.capabilities.set(key, equals < 0 ? '' : text.slice(equals + 1));
  }
}
