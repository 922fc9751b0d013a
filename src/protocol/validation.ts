/**
 * Validation of messages by the rules in the .proto files. Source: spec/wire.md §2 (rules) and §3.1 (texts).
 *
 * 1. All violations are collected; sub-messages, lists of messages and maps of messages are entered; google.* are not.
 * 2. Rules are turned into checks once per schema. A schema without rules anywhere below costs one look-up.
 * 3. Order as in Go: plain fields, then oneofs, then optional fields, each in order of declaration.
 * 4. The text is bounded (`violationsMax`): it goes into a status message.
 */
import { getOption, hasOption } from '@bufbuild/protobuf';
import type { DescField, DescMessage, DescOneof, MessageShape } from '@bufbuild/protobuf';
import { field as fieldRules, oneof_required } from './gen/kastor/rules/rules_pb.ts';
import { goFieldName, goMessageName } from './go-names.ts';
import { protocolLimits } from './limits.ts';
import { violationOf } from './value-rules.ts';

type Check = (message: object, report: (field: string, reason: string) => void) => void;

const checks = new WeakMap<DescMessage, readonly Check[]>();

/** All violations of the message joined by `; `, undefined when there are none. */
export function validate<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
): string | undefined {
  return violationsOf(schema, message);
}

function violationsOf(schema: DescMessage, message: object): string | undefined {
  const list = checksOf(schema);
  if (list.length === 0) return undefined;
  const told: string[] = [];
  let untold = 0;
  const name = goMessageName(schema);
  const report = (field: string, reason: string) => {
    if (told.length < protocolLimits.violationsMax) told.push(`invalid ${name}.${field}: ${reason}`);
    else untold += 1; // invariant 4
  };
  for (const check of list) check(message, report);
  if (untold > 0) told.push(`and ${untold} more`);
  return told.length === 0 ? undefined : told.join('; ');
}

function checksOf(schema: DescMessage): readonly Check[] {
  const known = checks.get(schema);
  if (known !== undefined) return known;
  const built: Check[] = [];
  checks.set(schema, built); // before its fields: messages may contain themselves
  if (!hasRulesBelow(schema, new Set())) return built;
  const plain = schema.fields.filter((field) => field.oneof === undefined && !isOptional(field));
  const optional = schema.fields.filter(isOptional);
  built.push(...plain.flatMap(fieldChecks));
  built.push(...schema.oneofs.map(oneofCheck));
  built.push(...optional.flatMap(fieldChecks));
  return built;
}

/** Whether anything in this message or under it can be violated (invariant 2). */
function hasRulesBelow(schema: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  if (schema.oneofs.some((oneof) => getOption(oneof, oneof_required))) return true;
  return schema.fields.some((field) => {
    if (hasOption(field, fieldRules)) return true;
    const inner = messageIn(field);
    return inner !== undefined && hasRulesBelow(inner, seen);
  });
}

function isOptional(field: DescField): boolean {
  return field.proto.proto3Optional;
}

/** The message a field holds, in whatever cardinality, unless it is one that is never checked. */
function messageIn(field: DescField): DescMessage | undefined {
  const inner = field.message;
  return inner === undefined || inner.typeName.startsWith('google.') ? undefined : inner;
}

function fieldChecks(field: DescField): Check[] {
  const list: Check[] = [];
  const name = goFieldName(field);
  if (hasOption(field, fieldRules)) {
    const rules = getOption(field, fieldRules);
    list.push((message, report) => {
      violationOf(rules, Reflect.get(message, field.localName), (reason, index) =>
        report(index === undefined ? name : `${name}[${index}]`, reason),
      );
    });
  }
  const inner = messageIn(field);
  if (inner !== undefined) list.push(embeddedCheck(field, name, inner));
  return list;
}

function embeddedCheck(field: DescField, name: string, inner: DescMessage): Check {
  const into = (value: unknown, at: string, report: (field: string, reason: string) => void) => {
    if (typeof value !== 'object' || value === null) return;
    const causes = violationsOf(inner, value);
    if (causes !== undefined) report(at, `embedded message failed validation | caused by: ${causes}`);
  };
  return (message, report) => {
    const value: unknown = Reflect.get(message, field.localName);
    if (field.fieldKind === 'list' && Array.isArray(value)) {
      value.forEach((item, index) => into(item, `${name}[${index}]`, report));
    } else if (field.fieldKind === 'map') {
      for (const key of Object.keys(Object(value)).toSorted())
        into(Reflect.get(Object(value), key), `${name}[${key}]`, report);
    } else {
      into(value, name, report);
    }
  };
}

function oneofCheck(oneof: DescOneof): Check {
  const required = getOption(oneof, oneof_required);
  const name = goFieldName(oneof);
  const members = new Map(oneof.fields.map((field) => [field.localName, memberCheck(field)]));
  return (message, report) => {
    const chosen: unknown = Reflect.get(message, oneof.localName);
    const member =
      typeof chosen === 'object' && chosen !== null && 'case' in chosen ? chosen.case : undefined;
    const check = typeof member === 'string' ? members.get(member) : undefined;
    if (check !== undefined) check(Object(chosen), report);
    else if (required) report(name, 'value is required');
  };
}

/** Checks a oneof member through the oneof's `{case, value}` object. */
function memberCheck(field: DescField): Check {
  const list = fieldChecks(field);
  return (chosen, report) => {
    const alone = { [field.localName]: Reflect.get(chosen, 'value') as unknown };
    for (const check of list) check(alone, report);
  };
}
