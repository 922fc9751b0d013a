/**
 * The order of messages in one exchange through a tunnel: the tunnel's own members outside, HTTP members inside. The
 * tables repeat the options of the .proto files in a form that costs a mask per message; a test keeps them equal to
 * `MessageOrder`. Source: spec/wire.md §2.1 and §3.2.
 *
 * 1. Both machines start where the reader of a claimed tunnel starts: outside after the first member (descriptor or
 *    request_info, already consumed), inside before the first.
 * 2. A refused member leaves the state as it was: the stream is over anyway.
 */
import { status, StatusCode } from '../status.ts';
import type { RpcStatus } from '../status.ts';

const start = -2;
const end = -1;

/** The members that may follow, by state; row 0 is the start, -1 the end of the direction. */
export type OrderRows = readonly (readonly number[])[];

/** Rows, and one mask per row with a bit per allowed member. */
interface OrderTable {
  readonly rows: OrderRows;
  readonly masks: readonly number[];
}

function tableOf(rows: OrderRows): OrderTable {
  return { rows, masks: rows.map((row) => row.reduce((mask, member) => mask | bit(member), 0)) };
}

/** The end of the direction is bit 31. */
function bit(member: number): number {
  return 1 << (member & 31);
}

const tables = {
  /** ConnectRequest: descriptor 1, header 2, message 3, trailer 4, error 5. */
  up: tableOf([[1], [2, 5], [3, 4], [3, 4], [5, end], [end]]),
  /** ConnectResponse: request_info 1, message 2, close_send 3. */
  down: tableOf([[1, end], [2, 3, end], [2, 3, end], [end]]),
  /** HttpRequest and HttpResponse: header 1, data 2, trailer 3, upgradeData 4. */
  inner: tableOf([[1], [2, 3], [2, 3], [4, end], [4, end]]),
};

/** The tables, for the test that compares them with the options of the .proto files. */
export function orderRows(table: keyof typeof tables): OrderRows {
  return tables[table].rows;
}

/** Checks one direction of one exchange (invariant 1): `up` from agentk to kas, `down` from kas to agentk. */
export class TunnelOrder {
  readonly #table: OrderTable;
  #outer = 1;
  #inner = start;

  constructor(direction: 'up' | 'down') {
    this.#table = tables[direction];
  }

  /** Takes a member of the tunnel message; a status when it may not come now. */
  outer(member: number): RpcStatus | undefined {
    if (!allowed(this.#table, this.#outer, member)) return refusal(this.#table, this.#outer, member);
    this.#outer = member;
    return undefined;
  }

  /** Takes a message member (`outerMember`) with an HTTP member inside. */
  http(outerMember: number, member: number): RpcStatus | undefined {
    const refused = this.outer(outerMember);
    if (refused !== undefined) return refused;
    if (!allowed(tables.inner, this.#inner, member)) return refusal(tables.inner, this.#inner, member);
    this.#inner = member;
    return undefined;
  }

  /** The tunnel direction ended cleanly. */
  endOuter(): RpcStatus | undefined {
    return this.outer(end);
  }

  /** The HTTP direction inside ended cleanly. */
  endInner(): RpcStatus | undefined {
    return allowed(tables.inner, this.#inner, end) ? undefined : refusal(tables.inner, this.#inner, end);
  }
}

function allowed(table: OrderTable, state: number, member: number): boolean {
  const mask = state === end ? 0 : (table.masks[state === start ? 0 : state] ?? 0);
  return (mask & bit(member)) !== 0;
}

function refusal(table: OrderTable, state: number, member: number): RpcStatus {
  const row = state === end ? [] : (table.rows[state === start ? 0 : state] ?? []);
  return status(
    StatusCode.InvalidArgument,
    `transition from ${state} to ${member} is not allowed. Allowed: [${row.join(' ')}]`,
  );
}
