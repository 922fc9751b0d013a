/**
 * Puts one commit together from the messages of a stream (`spec/agentk.md §5.2`): header, pieces of files, trailer. Neighbours of
 * one source are one file.
 *
 * R1. Only what ends with a trailer is a commit; half of one is nothing. Messages in another order than the wire's are refused
 *     (`spec/wire.md §3.2`). A stream without any message is no mistake: kas ends waiting streams so.
 * R2. Bounded like the sender's own limits, with room: a kas that sends more is not believed.
 */
import {
  MessageOrder,
  ObjectsToSynchronizeResponseSchema,
  type ObjectsToSynchronizeResponse,
} from '../../protocol/index.ts';
import type { ReceivedCommit } from './commit-slot.ts';
import { gitopsLimits } from './limits.ts';

export class CommitReceiver {
  readonly #order = new MessageOrder(ObjectsToSynchronizeResponseSchema);
  #begun = false;
  #header: { readonly commitId: string; readonly projectId: bigint } | undefined;
  readonly #files: { readonly name: string; readonly pieces: Uint8Array[] }[] = [];
  #bytes = 0;
  #complete = false;

  /** Takes one message; answers what is wrong with it. */
  take(received: ObjectsToSynchronizeResponse): string | undefined {
    this.#begun = true;
    const misplaced = this.#order.acceptMessage(received);
    if (misplaced !== undefined) return misplaced.message;
    const { message } = received;
    if (message.case === 'header') this.#header = message.value;
    else if (message.case === 'trailer') this.#complete = true;
    else if (message.case === 'object') return this.#piece(message.value.source, message.value.data);
    return undefined;
  }

  /** The stream ended without an error; answers what is wrong with that. */
  end(): string | undefined {
    return this.#begun ? this.#order.end()?.message : undefined;
  }

  /** The commit, once it is whole. */
  commit(): ReceivedCommit | undefined {
    if (this.#header === undefined || !this.#complete) return undefined; // R1
    const { commitId, projectId } = this.#header;
    const files = this.#files.map(({ name, pieces }) => ({ name, bytes: Buffer.concat(pieces) }));
    return { commitId, projectId, files };
  }

  #piece(source: string, data: Uint8Array): string | undefined {
    const last = this.#files.at(-1);
    if (last?.name === source) last.pieces.push(data);
    else this.#files.push({ name: source, pieces: [data] });
    this.#bytes += data.length;
    if (this.#files.length > gitopsLimits.filesMax)
      return `kas sent more than ${gitopsLimits.filesMax} files`;
    return this.#bytes > gitopsLimits.commitBytesMax
      ? `kas sent more than ${gitopsLimits.commitBytesMax} bytes`
      : undefined;
  }
}
