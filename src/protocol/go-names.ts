/**
 * The names Go code generation gives to messages, fields and oneofs; validation texts carry them (spec/wire.md §3.1).
 */
import type { DescField, DescMessage, DescOneof } from '@bufbuild/protobuf';

/** Method names every generated Go message has; a field of that name gets an underscore. */
const taken: ReadonlySet<string> = new Set([
  'Reset',
  'String',
  'ProtoMessage',
  'Marshal',
  'Unmarshal',
  'ExtensionRangeArray',
  'ExtensionMap',
  'Descriptor',
]);

/** `agent_descriptor` → `AgentDescriptor`, `descriptor` → `Descriptor_`. */
export function goFieldName(field: DescField | DescOneof): string {
  const name = field.name
    .split('_')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
  return taken.has(name) ? `${name}_` : name;
}

/** `HttpRequest`, nested messages with their parent: `HttpRequest_Header`. */
export function goMessageName(message: DescMessage): string {
  return message.parent === undefined ? message.name : `${goMessageName(message.parent)}_${message.name}`;
}
