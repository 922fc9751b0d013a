/** The rules one field value can break, with the texts of spec/wire.md §3.1. */
import type { Duration } from '@bufbuild/protobuf/wkt';
import { isMessage } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import type { FieldRules } from './gen/kastor/rules/rules_pb.ts';

/** Tells one violation; `index` when it is about one element of a list. */
export type ReportValue = (reason: string, index?: number) => void;

/** Checks a field value. `undefined` is a field that is not there. */
export function violationOf(rules: FieldRules, value: unknown, report: ReportValue): void {
  if (value === undefined) {
    if (rules.required) report('value is required');
    return;
  }
  if (typeof value === 'string') stringRules(rules, value, report);
  else if (typeof value === 'bigint') integerRules(rules, value, report);
  else if (Array.isArray(value)) listRules(rules, value, report);
  else if (rules.durationPositive && isMessage(value, DurationSchema)) durationRule(value, report);
}

function stringRules(rules: FieldRules, value: string, report: ReportValue): void {
  if (rules.bytesMin > 0 && Buffer.byteLength(value) < rules.bytesMin) report(tooShort(rules.bytesMin));
  if (rules.bytesMax > 0 && Buffer.byteLength(value) > rules.bytesMax) report(tooLong(rules.bytesMax));
  if (rules.in.length > 0 && !rules.in.includes(value)) {
    report(`value must be in list [${rules.in.join(' ')}]`);
  }
}

function integerRules(rules: FieldRules, value: bigint, report: ReportValue): void {
  if (rules.greaterThan !== undefined && value <= rules.greaterThan) {
    report(`value must be greater than ${rules.greaterThan}`);
  }
  if (rules.atLeast !== undefined && value < rules.atLeast) {
    report(`value must be greater than or equal to ${rules.atLeast}`);
  }
}

function listRules(rules: FieldRules, value: readonly unknown[], report: ReportValue): void {
  if (value.length < rules.itemsMin) report(`value must contain at least ${rules.itemsMin} item(s)`);
  if (rules.itemsMax > 0 && value.length > rules.itemsMax) {
    report(`value must contain no more than ${rules.itemsMax} item(s)`);
  }
  const { eachBytesMin: bytesMin, eachBytesMax: bytesMax } = rules;
  if (bytesMin === 0 && bytesMax === 0) return;
  value.forEach((item, index) => {
    if (typeof item !== 'string') return;
    const bytes = Buffer.byteLength(item);
    if (bytes < bytesMin) report(tooShort(bytesMin), index);
    if (bytesMax > 0 && bytes > bytesMax) report(tooLong(bytesMax), index);
  });
}

function durationRule(value: Duration, report: ReportValue): void {
  if (value.seconds < 0n || (value.seconds === 0n && value.nanos <= 0)) {
    report('value must be greater than 0s');
  }
}

function tooShort(bytesMin: number): string {
  return `value length must be at least ${bytesMin} bytes`;
}

function tooLong(bytesMax: number): string {
  return `value length must be at most ${bytesMax} bytes`;
}
