/**
 * The order of messages on a stream: which member of the oneof may follow which, and when a direction may end. The
 * tables are options in the .proto files; this is the visitor that walks them. Source: spec/wire.md §2.1 and §3.2.
 *
 * 1. A table is read from the descriptors once per schema; accepting a message is two look-ups.
 * 2. A refused message leaves the state as it was: the stream is over anyway.
 */
import { getOption } from '@bufbuild/protobuf';
import type { DescMessage, DescOneof, MessageShape } from '@bufbuild/protobuf';
import { first_allowed_field, next_allowed_field } from './gen/gitlab/agent/grpctool/automata/automata_pb.ts';
import { status, StatusCode } from './status.ts';
import type { RpcStatus } from './status.ts';

/** State before the first message. */
export const orderStart = -2;
/** Stands for the clean end of a direction. */
export const orderEnd = -1;

interface OrderTable {
  readonly fullOneofName: string;
  readonly localName: string;
  /** state (member number or `orderStart`) → what may come */
  readonly allowed: ReadonlyMap<number, readonly number[]>;
  /** case of the oneof → member number */
  readonly numbers: ReadonlyMap<string, number>;
}

const tables = new WeakMap<DescMessage, OrderTable>();

/**
 * Checks one direction of one stream. `start` is a member number when the first messages were consumed elsewhere
 * (spec/wire.md §3.2 names those readers). Throws for schemas without an order: a mistake of the caller.
 */
export class MessageOrder<Desc extends DescMessage = DescMessage> {
  readonly #table: OrderTable;
  #state: number;

  constructor(schema: Desc, start: number = orderStart) {
    this.#table = tableOf(schema);
    this.#state = start;
    if (!this.#table.allowed.has(start))
      throw new Error(`${schema.typeName} has no member ${start} to start in`);
  }

  /** The number of the last accepted member, `orderStart` before the first, `orderEnd` after the end. */
  get state(): number {
    return this.#state;
  }

  /** Takes the next member by its number; a status when it may not come now. */
  accept(fieldNumber: number): RpcStatus | undefined {
    const allowed = this.#table.allowed.get(this.#state) ?? [];
    if (allowed.includes(fieldNumber)) {
      this.#state = fieldNumber;
      return undefined;
    }
    return status(
      StatusCode.InvalidArgument,
      `transition from ${this.#state} to ${fieldNumber} is not allowed. Allowed: [${allowed.join(' ')}]`,
    );
  }

  /** Takes the clean end of the direction. */
  end(): RpcStatus | undefined {
    return this.accept(orderEnd);
  }

  /** Takes a whole message: its oneof member decides. A message without one (or with a future one) is refused. */
  acceptMessage(message: MessageShape<Desc>): RpcStatus | undefined {
    const number = this.#memberOf(message);
    return number === undefined ? this.#nothingSet() : this.accept(number);
  }

  #memberOf(message: MessageShape<Desc>): number | undefined {
    const oneof: unknown = Reflect.get(message, this.#table.localName);
    if (typeof oneof !== 'object' || oneof === null || !('case' in oneof)) return undefined;
    return typeof oneof.case === 'string' ? this.#table.numbers.get(oneof.case) : undefined;
  }

  #nothingSet(): RpcStatus {
    return status(
      StatusCode.InvalidArgument,
      `no fields in the oneof group ${this.#table.fullOneofName} is set`,
    );
  }
}

/** The refusal for a member the caller does not expect here although the order allows it (spec/wire.md §3.2). */
export function unexpectedMember(fieldNumber: number): RpcStatus {
  return status(StatusCode.Internal, `unexpected field number received: ${fieldNumber}`);
}

function tableOf(schema: DescMessage): OrderTable {
  const known = tables.get(schema);
  if (known !== undefined) return known;
  const oneof = schema.oneofs.find((one) => getOption(one, first_allowed_field).length > 0);
  if (oneof === undefined) throw new Error(`${schema.typeName} has no message order`);
  const table = buildTable(schema, oneof);
  tables.set(schema, table);
  return table;
}

function buildTable(schema: DescMessage, oneof: DescOneof): OrderTable {
  const allowed = new Map<number, readonly number[]>([[orderStart, getOption(oneof, first_allowed_field)]]);
  const numbers = new Map<string, number>();
  for (const field of oneof.fields) {
    allowed.set(field.number, getOption(field, next_allowed_field));
    numbers.set(field.localName, field.number);
  }
  return {
    fullOneofName: `${schema.typeName}.${oneof.name}`,
    localName: oneof.localName,
    allowed,
    numbers,
  };
}
