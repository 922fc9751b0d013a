/**
 * The health of an object as its own status tells it, by the rules of kstatus (`spec/agentk.md §5.12`): generic signals first, then
 * the rules of its kind, then a Ready condition. What an object says is not trusted to have the right shape: a field that is not
 * what it should be counts as absent.
 */
import { fieldsOf, textAt, type JsonFields, type KubeObject } from '../kubernetes/index.ts';
import { groupOf } from './object-id.ts';
import { kindRules, type Verdict } from './kind-rules.ts';

export type Health = Verdict['status'] | 'Terminating' | 'NotFound' | 'Unknown';
export interface ObjectStatus {
  readonly status: Health;
  readonly message: string;
}

/** The status of a live object; undefined stands for one that does not exist. */
export function statusOf(object: KubeObject | undefined, now: number): ObjectStatus {
  if (object === undefined) return { status: 'NotFound', message: 'not there' };
  if (textAt(object, 'metadata', 'deletionTimestamp') !== '') {
    return { status: 'Terminating', message: 'being deleted' };
  }
  const status = fieldsOf(object['status']);
  const { generation } = object.metadata;
  const observed = status['observedGeneration'];
  if (typeof generation === 'number' && typeof observed === 'number' && generation !== observed) {
    return { status: 'InProgress', message: `generation ${generation} is not observed yet (${observed})` };
  }
  const generic = genericVerdict(status);
  if (generic !== undefined) return generic;
  const rule = kindRules.get(object.kind);
  if (rule !== undefined && rule.groups.includes(groupOf(object.apiVersion))) {
    return rule.judge(object, now);
  }
  return readyVerdict(status);
}

/** One condition of a status. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** The conditions of a status, in its order. */
export function conditionsOf(status: JsonFields): readonly Condition[] {
  const { conditions } = status;
  if (!Array.isArray(conditions)) return [];
  return conditions.slice(0, conditionsMax).map((each) => ({
    type: textAt(each, 'type'),
    status: textAt(each, 'status'),
    reason: textAt(each, 'reason'),
    message: textAt(each, 'message'),
  }));
}

const conditionsMax = 200;

function genericVerdict(status: JsonFields): Verdict | undefined {
  for (const { type, status: value, reason, message } of conditionsOf(status)) {
    if (value !== 'True') continue;
    if (type === 'Reconciling') return { status: 'InProgress', message: message || reason };
    if (type === 'Stalled') return { status: 'Failed', message: message || reason };
  }
  return undefined;
}

function readyVerdict(status: JsonFields): Verdict {
  const ready = conditionsOf(status).find(({ type }) => type === 'Ready');
  if (ready === undefined || ready.status === 'True') return { status: 'Current', message: 'current' };
  return { status: 'InProgress', message: ready.message || ready.reason || 'not ready' };
}
