/**
 * JSON whose integers keep their digits, as Go's int64 has them: resource limits, ids and generations in custom resources
 * exceed what a JavaScript number holds. An integer that a number cannot hold is carried as `JSON.rawJSON`, which
 * `JSON.stringify` writes as it stands; one that no int64 holds becomes a float, as in the originals.
 */

/** Anything JSON; numbers may be raw. */
export type LosslessJson =
  | null
  | boolean
  | number
  | string
  | RawNumber
  | readonly LosslessJson[]
  | { readonly [key: string]: LosslessJson };

/** A number written as its digits. */
export interface RawNumber {
  readonly rawJSON: string;
}

declare global {
  // Of the engine for long, of TypeScript's library not yet.
  interface JSON {
    rawJSON(text: string): RawNumber;
    isRawJSON(value: unknown): value is RawNumber;
  }
}

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;
const integer = /^-?\d+$/;
/** Sixteen digits in a row: shorter integers are always safe. */
const suspicious = /\d{16}/;

/** The value of an integer's digits (canonical decimal) without loss. */
export function losslessInteger(digits: bigint): number | RawNumber {
  const number = Number(digits);
  if (Number.isSafeInteger(number)) return number;
  return digits >= int64Min && digits <= int64Max ? JSON.rawJSON(digits.toString()) : number;
}

/** Parses one JSON text. Throws SyntaxError. */
export function parseLosslessJson(text: string): LosslessJson {
  if (!suspicious.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source;
    return typeof value === 'number' && source !== undefined && integer.test(source)
      ? losslessInteger(BigInt(source))
      : value;
  });
}
