/** The cluster of `gitops-soak.ts`: the simulated API server without TLS, a namespace for each agent. */
import { createLog, systemClock } from '../src/host/index.ts';
import { startSimulatedKubernetes } from '../src/sim/kubernetes/index.ts';

const { agents } = JSON.parse(process.argv[2] ?? '{}') as { agents: number };
const { log } = createLog({ level: 'error' });
const { url, adminToken } = await startSimulatedKubernetes({ clock: systemClock, log });
for (let n = 1; n <= agents; n += 1) {
  const made = await fetch(`${url}/api/v1/namespaces`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `agent-${n}` } }),
  });
  if (made.status !== 201) throw new Error(await made.text());
  await made.text();
}
process.stdout.write(`${JSON.stringify({ url, token: adminToken })}\n`);
