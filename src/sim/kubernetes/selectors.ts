/** Label and field selectors of lists, watches and collection deletes. */
import { at } from './json.ts';
import type { Kind } from './kinds.ts';
import type { KubeObject } from './objects.ts';
import { badRequest, type Refusal } from './refusal.ts';

export type Selector = (object: KubeObject) => boolean;

interface Requirement {
  readonly key: string;
  readonly operator: 'in' | 'notIn' | 'exists' | 'absent' | 'greater' | 'less';
  readonly values: readonly string[];
}

const keyForm = '[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?';
const setForm = new RegExp(`^(${keyForm})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const equalForm = new RegExp(`^(${keyForm})\\s*(==|=|!=)\\s*([-A-Za-z0-9_.]*)$`);
const orderForm = new RegExp(`^(${keyForm})\\s*(>|<)\\s*(-?\\d+)$`);
const existsForm = new RegExp(`^(!?)\\s*(${keyForm})$`);

/** Splits at commas outside parentheses. */
function parts(text: string): readonly string[] {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '(') depth += 1;
    else if (text[index] === ')') depth -= 1;
    else if (text[index] === ',' && depth === 0) {
      found.push(text.slice(from, index));
      from = index + 1;
    }
  }
  found.push(text.slice(from));
  return found.map((part) => part.trim()).filter((part) => part !== '');
}

function requirement(part: string): Requirement | undefined {
  const set = setForm.exec(part);
  if (set !== null) {
    const values = (set[4] ?? '').split(',').map((value) => value.trim());
    return { key: set[1] ?? '', operator: set[3] === 'in' ? 'in' : 'notIn', values };
  }
  const same = equalForm.exec(part);
  if (same !== null) {
    return { key: same[1] ?? '', operator: same[3] === '!=' ? 'notIn' : 'in', values: [same[4] ?? ''] };
  }
  const order = orderForm.exec(part);
  if (order !== null) {
    return { key: order[1] ?? '', operator: order[3] === '>' ? 'greater' : 'less', values: [order[4] ?? ''] };
  }
  const exists = existsForm.exec(part);
  if (exists === null) return undefined;
  return { key: exists[2] ?? '', operator: exists[1] === '!' ? 'absent' : 'exists', values: [] };
}

function holds(required: Requirement, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, required.key) ? labels[required.key] : undefined;
  const bound = Number(required.values[0]);
  switch (required.operator) {
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'in':
      return value !== undefined && required.values.includes(value);
    case 'notIn':
      return value === undefined || !required.values.includes(value);
    case 'greater':
      return value !== undefined && Number(value) > bound;
    case 'less':
      return value !== undefined && Number(value) < bound;
  }
}

export function labelSelector(text: string): Selector | Refusal {
  const requirements: Requirement[] = [];
  for (const part of parts(text)) {
    const parsed = requirement(part);
    if (parsed === undefined) return badRequest(`unable to parse requirement: ${part}`);
    requirements.push(parsed);
  }
  return (object) => requirements.every((one) => holds(one, object.metadata.labels ?? {}));
}

/** Fields beyond name and namespace that the real server indexes, by collection. */
const selectable: Readonly<Record<string, readonly string[]>> = {
  '/pods': [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  '/events': [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  '/namespaces': ['status.phase'],
  '/nodes': ['spec.unschedulable'],
  '/secrets': ['type'],
  'apps/replicasets': ['status.replicas'],
  'batch/jobs': ['status.successful'],
};

function fieldText(object: KubeObject, field: string): string {
  const found = at(object, ...(field === 'source' ? ['source', 'component'] : field.split('.')));
  return typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean'
    ? String(found)
    : '';
}

export function fieldSelector(kind: Kind, text: string): Selector | Refusal {
  const known = [
    'metadata.name',
    ...(kind.namespaced ? ['metadata.namespace'] : []),
    ...(selectable[kind.id] ?? []),
  ];
  const wanted: { readonly field: string; readonly value: string; readonly same: boolean }[] = [];
  for (const part of parts(text)) {
    const form = /^([^=!]+)(==|=|!=)(.*)$/.exec(part);
    if (form === null) return badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
    const field = (form[1] ?? '').trim();
    if (!known.includes(field)) {
      return badRequest(
        selectable[kind.id] === undefined
          ? `${JSON.stringify(field)} is not a known field selector: only ${known.map((one) => `"${one}"`).join(', ')}`
          : `field label not supported: ${field}`,
      );
    }
    wanted.push({ field, value: (form[3] ?? '').trim(), same: form[2] !== '!=' });
  }
  return (object) => wanted.every((one) => (fieldText(object, one.field) === one.value) === one.same);
}
