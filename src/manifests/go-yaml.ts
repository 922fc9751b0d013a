/**
 * YAML as kubectl and the originals read it: the YAML 1.1 flavour of their parser, then JSON (`spec/agentk.md §5.4`). What
 * differs from YAML 1.2: `yes`, `on`, `y` are booleans even as keys, `0755` is octal, `1_000` a number, equal keys are
 * allowed and the last wins, keys of any scalar type become strings, timestamps stay strings.
 *
 * 1. The text is hostile: depth, aliases, and the number of values after aliases are written out are bounded.
 * 2. What JSON has no word for is refused.
 */
import {
  binaryTag,
  boolYaml11Tag,
  CORE_SCHEMA,
  defineMappingTag,
  defineScalarTag,
  loadAll,
  mergeTag,
  NOT_RESOLVED,
  YAMLException,
} from 'js-yaml';
import { withLooseFlow } from '../protocol/loose-flow/index.ts';
import { manifestLimits } from './limits.ts';
import { losslessInteger, type LosslessJson } from './lossless-json.ts';

/** Line and column are counted from 1 within the text; absent when the parser does not know. */
export class YamlFault extends Error {
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(reason: string, line?: number, column?: number) {
    super(reason);
    this.line = line;
    this.column = column;
  }
}

type Keyed = Record<string, LosslessJson>;

const sign = (text: string) => (text.startsWith('-') ? -1n : 1n);
const forms: readonly (readonly [form: RegExp, prefix: string])[] = [
  [/^[-+]?0[xX]([0-9a-fA-F]+)$/, '0x'],
  [/^[-+]?0[bB]([01]+)$/, '0b'],
  [/^[-+]?0[oO]?([0-7]+)$/, '0o'],
  [/^[-+]?(0|[1-9][0-9]*)$/, ''],
];
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const notFinite = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

function readInteger(source: string): LosslessJson | typeof NOT_RESOLVED {
  const plain = source.startsWith('_') ? source : source.replaceAll('_', '');
  for (const [form, prefix] of forms) {
    const digits = form.exec(plain)?.[1];
    if (digits === undefined) continue;
    const value = sign(plain) * BigInt(prefix + digits);
    return losslessInteger(value);
  }
  return NOT_RESOLVED;
}

function readFloat(source: string): LosslessJson | typeof NOT_RESOLVED {
  if (notFinite.test(source)) throw new YamlFault('the number is not finite, which JSON cannot say'); // 2
  const plain = source.startsWith('_') ? source : source.replaceAll('_', '');
  if (!float.test(plain)) return NOT_RESOLVED;
  const value = Number(plain);
  return Number.isFinite(value) ? value : NOT_RESOLVED;
}

const numeric = '+-.0123456789'.split('');
const loadOnly = () => false;
const intTag = defineScalarTag('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: numeric,
  resolve: readInteger,
  identify: loadOnly,
});
const floatTag = defineScalarTag('tag:yaml.org,2002:float', {
  implicit: true,
  implicitFirstChars: numeric,
  resolve: readFloat,
  identify: loadOnly,
});
/** `y` and `n` alone are words of YAML 1.1 that many parsers left out. */
const boolTag = defineScalarTag('tag:yaml.org,2002:bool', {
  implicit: true,
  implicitFirstChars: 'yYnNtTfFoO'.split(''),
  resolve: (source, isExplicit, tagName) =>
    /^[yY]$/.test(source)
      ? true
      : /^[nN]$/.test(source)
        ? false
        : boolYaml11Tag.resolve(source, isExplicit, tagName),
  identify: loadOnly,
});
const binaryTextTag = defineScalarTag('tag:yaml.org,2002:binary', {
  resolve: (source, isExplicit, tagName) => {
    const bytes = binaryTag.resolve(source, isExplicit, tagName);
    return bytes === NOT_RESOLVED ? NOT_RESOLVED : Buffer.from(bytes).toString('utf8');
  },
  identify: loadOnly,
});
const timestampTextTag = defineScalarTag('tag:yaml.org,2002:timestamp', {
  resolve: (source) => source,
  identify: loadOnly,
});
/** A tag nobody knows, on a scalar: its text. */
const unknownTag = defineScalarTag('!', {
  matchByTagPrefix: true,
  resolve: (source) => source,
  identify: loadOnly,
});

const mapOptions = {
  create: (): Keyed => Object.create(null),
  addPair: (carrier: Keyed, key: unknown, value: unknown): string => {
    const name = keyText(key);
    if (name === undefined) return 'only text, numbers and booleans can be keys';
    carrier[name] = value as LosslessJson;
    return '';
  },
  has: (carrier: Keyed, key: unknown) => Object.hasOwn(carrier, keyText(key) ?? ''),
  keys: (result: Keyed) => Object.keys(result),
  get: (result: Keyed, key: unknown) => result[keyText(key) ?? ''],
  identify: loadOnly,
};
const mapTag = defineMappingTag('tag:yaml.org,2002:map', mapOptions);
const setTag = defineMappingTag('tag:yaml.org,2002:set', mapOptions);

function keyText(key: unknown): string | undefined {
  if (typeof key === 'string') return key;
  if (typeof key === 'number' || typeof key === 'boolean') return String(key);
  return JSON.isRawJSON(key) ? key.rawJSON : undefined;
}

const schema = CORE_SCHEMA.withTags(
  mergeTag,
  intTag,
  floatTag,
  boolTag,
  binaryTextTag,
  timestampTextTag,
  unknownTag,
  mapTag,
  setTag,
);

const options = {
  schema,
  json: true,
  maxDepth: manifestLimits.depthMax,
  maxAliases: manifestLimits.aliasesMax,
};

/** Reads one YAML document; nothing but comments is null. Throws {@link YamlFault} for anything wrong with it. */
export function readGoYaml(text: string): LosslessJson {
  let value: LosslessJson;
  try {
    const [first = null] = withLooseFlow(text, (each) => loadAll(each, options));
    value = first as LosslessJson;
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { mark } = error;
    throw new YamlFault(error.reason, mark && mark.line + 1, mark && mark.column + 1);
  }
  // Without an anchor nothing can be written out twice, and the text itself bounds the values.
  if (text.includes('&')) new ValueCount().add(value); // 1
  return value;
}

class ValueCount {
  #values = 0;

  add(value: LosslessJson): void {
    this.#values += 1;
    if (this.#values > manifestLimits.valuesMax) {
      throw new YamlFault(`more than ${manifestLimits.valuesMax} values once its aliases are written out`);
    }
    if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return;
    for (const inside of Object.values(value)) this.add(inside);
  }
}
