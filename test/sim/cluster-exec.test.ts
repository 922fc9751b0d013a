/** Exec over WebSocket; and the resources only the simulated cluster can hold. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulatedCluster, type Cluster } from '../fakes/kube-apiserver.ts';
import { users, worldOf, type World } from './contract/world.ts';
import { exec } from './exec-client.ts';
import { kubectlFor, type Kubectl } from './kubectl.ts';

describe('a simulated cluster in real time', () => {
  let cluster: Cluster;
  let world: World & { close(): Promise<void> };
  let kubectl: Kubectl;
  beforeAll(async () => {
    cluster = await startSimulatedCluster({ users });
    world = worldOf(cluster);
    kubectl = kubectlFor(cluster.kubeconfigPath);
    await kubectl(['run', 'box', '--image=box:1']);
    const ready = await kubectl(['wait', '--for=condition=Ready', 'pod/box', '--timeout=20s']);
    expect(ready.code).toBe(0);
  });
  afterAll(async () => {
    await world.close();
    await cluster.stop();
  });

  it('runs a program and shows what it says', async () => {
    expect(await exec(cluster, 'box', ['echo', 'hello', 'world'])).toEqual({
      code: 0,
      out: 'hello world\n',
      err: '',
    });
  });

  it('keeps output and errors apart and hands on the exit code', async () => {
    const result = await exec(cluster, 'box', ['sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect(result).toMatchObject({ code: 3, out: 'out\n' });
    expect(result.err).toContain('err\n');
    const unknown = await exec(cluster, 'box', ['frobnicate']);
    expect(unknown.code).toBe(127);
  });

  it('hands on standard input to its end', async () => {
    const input = 'line\n'.repeat(10_000);
    expect(await exec(cluster, 'box', ['cat'], input)).toMatchObject({ code: 0, out: input });
    const shell = await exec(cluster, 'box', ['sh'], 'hostname\nexit 5\n');
    expect(shell).toMatchObject({ code: 5, out: 'box\n' });
  });

  it('refuses exec to who may not, and in pods that are not there', async () => {
    const denied = await kubectl(['exec', 'box', '--as=jane', '--', 'true']);
    expect(denied.err).toContain('cannot');
    const missing = await kubectl(['exec', 'missing', '--', 'true']);
    expect(missing.err).toContain('pods "missing" not found');
  });

  it('shows logs', async () => {
    const logs = await kubectl(['logs', 'box', '--tail=1']);
    expect(logs.out).toMatch(/^box box line \d+: /);
  });

  it('takes the Protobuf bodies of kubectl’s own commands', async () => {
    const rolling = [
      'create',
      'deployment',
      'typed',
      '--image=a:1',
      '--replicas=0',
      '--port=80',
      '--',
      'run',
      '',
    ];
    expect((await kubectl(rolling)).out).toBe('deployment.apps/typed created\n');
    const read = await kubectl(['get', 'deployment', 'typed', '-o', 'json']);
    expect(JSON.parse(read.out)).toMatchObject({
      spec: {
        replicas: 0,
        template: {
          spec: {
            containers: [
              { image: 'a:1', command: ['run', ''], ports: [{ containerPort: 80, protocol: 'TCP' }] },
            ],
          },
        },
      },
    });
    await kubectl(['create', 'secret', 'generic', 'typed', '--from-literal=a=b']);
    expect((await kubectl(['get', 'secret', 'typed', '-o', 'jsonpath={.data.a}'])).out).toBe('Yg==');
    await kubectl(['create', 'clusterrole', 'typed', '--verb=get', '--resource=pods']);
    const role = await kubectl(['get', 'clusterrole', 'typed', '-o', 'json']);
    expect(JSON.parse(role.out)).toMatchObject({
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    });
  });
});
