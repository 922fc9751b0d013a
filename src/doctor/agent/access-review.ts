/**
 * Whether the identity of agentk may do what agentk does (`spec/agentk.md §8.3`), asked of the API server one by one by
 * SelfSubjectAccessReview, which changes nothing. What only some modules need is told as a note.
 */
import { failureText, type ClusterClient } from '../../agentk/kubernetes/index.ts';
import type { Report } from '../finding.ts';
import { doctorLimits } from '../limits.ts';

interface Permission {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** In the namespace of the agent; else in all. */
  readonly own?: boolean;
}

interface Need {
  readonly what: string;
  /** agentk does not work without it. */
  readonly always: boolean;
  readonly permissions: readonly Permission[];
}

const lease = (verb: string): Permission => ({
  verb,
  group: 'coordination.k8s.io',
  resource: 'leases',
  own: true,
});
const impersonate = (resource: string): Permission => ({ verb: 'impersonate', group: '', resource });
const flux = (resource: string): Permission => ({
  verb: 'list',
  group: resource === 'receivers' ? 'notification.toolkit.fluxcd.io' : 'source.toolkit.fluxcd.io',
  resource,
});

const needs: readonly Need[] = [
  { what: 'leader election', always: true, permissions: [lease('get'), lease('create'), lease('update')] },
  {
    what: 'access_as other than agent',
    always: false,
    permissions: [impersonate('users'), impersonate('groups')],
  },
  { what: 'Flux', always: false, permissions: [flux('gitrepositories'), flux('receivers')] },
];

const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

export async function examineAccess(client: ClusterClient, namespace: string, report: Report): Promise<void> {
  const [part, rung] = ['cluster', 'RBAC'];
  for (const { what, always, permissions } of needs) {
    const lacking: string[] = [];
    for (const permission of permissions) {
      const answer = await ask(client, namespace, permission);
      if (typeof answer === 'string') {
        const remedy =
          'Every authenticated user may usually ask this: bind system:basic-user to the identity';
        const observed = `the API server does not say what is allowed: ${answer}`;
        report.add({ part, rung, verdict: 'bad', observed, remedy });
        return;
      }
      if (!answer) lacking.push(`${permission.verb} ${permission.resource}`);
    }
    if (lacking.length === 0) {
      report.add({ part, rung, verdict: 'good', observed: `all that ${what} needs is allowed` });
      continue;
    }
    report.add({
      part,
      rung,
      verdict: always ? 'bad' : 'note',
      observed: `${what}: not allowed are ${lacking.join(', ')}`,
      remedy: always
        ? `Give the service account a Role in the namespace ${namespace} with these verbs`
        : `Only needed for ${what}: then give the service account a ClusterRole with these verbs`,
    });
  }
}

/** Allowed or not; a text when it cannot be known. */
async function ask(
  client: ClusterClient,
  namespace: string,
  permission: Permission,
): Promise<boolean | string> {
  const { verb, group, resource, own } = permission;
  const resourceAttributes = { verb, group, resource, ...(own === true ? { namespace } : {}) };
  const body = JSON.stringify({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  });
  const answer = await client.request(
    { method: 'POST', path, body, contentType: 'application/json' },
    { deadlineMs: doctorLimits.clusterMs },
  );
  if (answer.kind !== 'ok') return failureText(answer);
  const { status } = (typeof answer.value === 'object' && answer.value !== null ? answer.value : {}) as {
    readonly status?: { readonly allowed?: unknown };
  };
  return status?.allowed === true;
}
