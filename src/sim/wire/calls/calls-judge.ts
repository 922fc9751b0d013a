/** What must hold of calls, whichever end is grpc-js: each by its id, with its reason. */
import type { Connection } from '../../pipes/index.ts';
import { wireLimits } from '../limits.ts';
import type { MadeCall } from './call-book.ts';
import type { CallsWorld } from './calls-world.ts';

const code = { ok: 0, cancelled: 1, deadlineExceeded: 4, unavailable: 14 } as const;
/** A deadline is told in whole milliseconds, and the timers of both libraries are a little late. */
const deadlineSlackMs = 50;

/** grpc-js reads and writes 16 messages ahead, whatever their size. */
const grpcJsBytesMax = 16 * 64 * 1024;

interface Rule {
  readonly id: string;
  readonly reason: string;
  readonly step?: (world: CallsWorld, fail: (text: string) => void) => void;
  readonly end?: (world: CallsWorld, fail: (text: string) => void) => void;
}

const silentSince = new WeakMap<Connection, number>();

const rules: readonly Rule[] = [
  {
    id: 'ends-once',
    reason: 'The owner of a call is told its end once, or frees what is not his any more.',
    step: ({ book }, fail) => {
      for (const { id, codes } of book.made)
        if (codes.length > 1) fail(`call ${id} ended as ${codes.join()}`);
    },
    end: ({ book }, fail) => {
      for (const { id, codes } of book.made) if (codes.length === 0) fail(`call ${id} never ended`);
    },
  },
  {
    id: 'on-time',
    reason: 'A deadline holds whatever the network does: its caller waits for nothing longer.',
    step: ({ book, kernel }, fail) => {
      for (const { id, codes, startedMs, planned } of book.made) {
        const late = kernel.nowMs - startedMs - planned.deadlineMs;
        if (codes.length === 0 && late > deadlineSlackMs) fail(`call ${id} is ${late} ms over its deadline`);
      }
    },
  },
  {
    id: 'right-bytes',
    reason: 'What arrives is a beginning of what was sent, and all of it where the call ended with OK.',
    step: ({ book }, fail) => {
      for (const made of book.made) {
        if (!made.download.isTrue) fail(`call ${made.id} received what was not sent to it`);
        if (made.codes[0] === code.ok && made.endedMs === Infinity) fail(`call ${made.id} has no end`);
      }
      for (const { id, upload } of book.served) {
        if (!upload.isTrue) fail(`the server received what call ${id} did not send`);
      }
    },
    end: ({ book }, fail) => {
      for (const made of book.made) if (made.codes[0] === code.ok) complete(book.served, made, fail);
    },
  },
  {
    id: 'served-once',
    reason: 'A call may be tried again only where no server has seen it.',
    step: ({ book }, fail) => {
      const last = book.served.at(-1);
      if (last === undefined) return;
      if (book.served.filter(({ id }) => id === last.id).length > 1) fail(`call ${last.id} was served twice`);
    },
  },
  {
    id: 'bounded-buffers',
    reason: 'A client that does not read holds the server back.',
    step: ({ book }, fail) => {
      const heldBytesMax = wireLimits.heldBytesMax + grpcJsBytesMax;
      for (const { id, written, state } of book.served) {
        const made = book.made[id - 1];
        if (state !== 'running' || made === undefined || made.codes.length > 0) continue;
        const held = written - made.download.bytes;
        if (held > heldBytesMax) fail(`call ${id}: ${held} bytes are held on the way`);
      }
    },
  },
  {
    id: 'calm-succeeds',
    reason: 'GOAWAY and age fail no call that a server has taken.',
    end: ({ book, plan }, fail) => {
      if (plan.weather !== 'calm') return;
      for (const { id, codes, cancelled } of book.made) {
        const wasServed = book.served.some((served) => served.id === id);
        const isFine = codes[0] === code.ok || cancelled || (codes[0] === code.unavailable && !wasServed);
        if (!isFine) fail(`call ${id} ended as ${codes.join()}`);
      }
    },
  },
  {
    id: 'silence-noticed',
    reason:
      'TCP says nothing of a dead peer: our end must ask. (grpc-js fails its calls, and may keep the socket.)',
    step: ({ kernel, network, plan }, fail) => {
      const ours = plan.grpcJs === 'client' ? 'accepted' : 'dialled';
      for (const connection of network.connections) {
        const since = connection.isWhole ? kernel.nowMs : (silentSince.get(connection) ?? kernel.nowMs);
        silentSince.set(connection, since);
        const isEnding = connection.isGone(ours) || connection.ends[ours].writableEnded;
        if (kernel.nowMs - since > wireLimits.silenceMsMax && !isEnding)
          fail(`${connection.ends.dialled.simulatedName}: our end has not noticed the silence`);
      }
    },
  },
  {
    id: 'gone-cancelled',
    reason: 'A server does not work for a client that has its end already.',
    step: ({ book, kernel }, fail) => {
      for (const { id, state } of book.served) {
        const since = kernel.nowMs - (book.made[id - 1]?.endedMs ?? Infinity);
        if (state === 'running' && since > wireLimits.goneMsMax)
          fail(`call ${id} runs ${since} ms after its end`);
      }
    },
  },
  {
    id: 'nothing-left',
    reason: 'A stream, timer or socket that outlives both programs is a leak.',
    end: ({ kernel, network, answerer }, fail) => {
      if (answerer.connections > 0) fail(`${answerer.connections} connections are left`);
      for (const { ends } of network.connections) fail(`${ends.dialled.simulatedName} is still open`);
      if (kernel.planned > 0) fail(`${kernel.planned} timers are left`);
    },
  },
];

function complete(
  served: CallsWorld['book']['served'],
  { id, planned, download }: MadeCall,
  fail: (text: string) => void,
): void {
  const { uploads, uploadBytes, replies, replyBytes } = planned;
  if (download.bytes !== replies * replyBytes)
    fail(`call ${id} has ${download.bytes} bytes and ended with OK`);
  const taken = served.find((one) => one.id === id)?.upload.bytes;
  if (taken !== uploads * uploadBytes) fail(`call ${id} was answered after ${taken} bytes`);
}

/** Checks after each event from now on; answers what is to be checked when both programs have ended. */
export function judgeCalls(world: CallsWorld): () => void {
  const fails = (id: string) => (text: string) => world.kernel.fail(id, text);
  world.kernel.check(() => {
    for (const { id, step } of rules) step?.(world, fails(id));
  });
  return () => {
    for (const { id, end } of rules) end?.(world, fails(id));
  };
}
