/** The contract as kubectl sees it: the commands people use every day. */
import { beforeAll, describe, expect, it } from 'vitest';
import { followKubectl, kubectlFor, type Kubectl } from '../kubectl.ts';
import { freshNamespace, type World } from './world.ts';

const manifest = (value: string) => `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: kubectl-use, labels: { app: web } }
data: { level: "${value}" }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: kubectl-use }
spec:
  replicas: 0
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: web, image: "web:${value}" }
`;

export function kubectlContract(world: () => World): void {
  describe('kubectl', () => {
    let kubectl: Kubectl;
    const inNamespace = ['-n', 'kubectl-use'];
    const run = async (args: readonly string[], input?: string): Promise<string> => {
      const result = await kubectl([...args, ...inNamespace], input);
      if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.err}`);
      return result.out;
    };
    beforeAll(async () => {
      kubectl = kubectlFor(world().cluster.kubeconfigPath);
      await freshNamespace(world().admin, 'kubectl-use');
    });

    it('talks about versions and kinds', async () => {
      expect(await run(['version'])).toMatch(/Server Version: .*v1\.\d+/);
      const kinds = await run(['api-resources', '--api-group=apps']);
      expect(kinds).toMatch(/^deployments +deploy +apps\/v1 +true +Deployment$/m);
    });

    it('applies, sees no change, applies a change, and deletes', async () => {
      expect(await run(['apply', '-f', '-'], manifest('1'))).toBe(
        'configmap/settings created\ndeployment.apps/web created\n',
      );
      expect(await run(['apply', '-f', '-'], manifest('1'))).toBe(
        'configmap/settings unchanged\ndeployment.apps/web unchanged\n',
      );
      expect(await run(['apply', '-f', '-'], manifest('2'))).toBe(
        'configmap/settings configured\ndeployment.apps/web configured\n',
      );
      expect(await run(['get', 'deploy', 'web', '-o', 'jsonpath={..image}'])).toBe('web:2');
      expect(await run(['get', 'configmap', 'settings', '-o', 'jsonpath={.data.level}'])).toBe('2');
      expect(await run(['get', 'configmaps', '-l', 'app=web'])).toMatch(
        /^NAME +DATA +AGE\nsettings +1 +\d+s\n$/,
      );
      expect(await run(['describe', 'configmap', 'settings'])).toMatch(/^Name: +settings$/m);
      expect(await run(['delete', '-f', '-'], manifest('2'))).toContain('configmap "settings" deleted');
      const gone = await kubectl(['get', 'configmap', 'settings', ...inNamespace]);
      expect(gone.err).toContain('Error from server (NotFound): configmaps "settings" not found');
    });

    it('creates, labels, annotates, patches and replaces', async () => {
      expect(await run(['create', 'configmap', 'made', '--from-literal=a=1'])).toBe(
        'configmap/made created\n',
      );
      expect(await run(['label', 'configmap', 'made', 'tier=front'])).toBe('configmap/made labeled\n');
      expect(await run(['annotate', 'configmap', 'made', 'note=hello'])).toBe('configmap/made annotated\n');
      await run(['patch', 'configmap', 'made', '-p', '{"data":{"b":"2"}}']);
      await run(['patch', 'configmap', 'made', '--type=json', '-p', '[{"op":"remove","path":"/data/a"}]']);
      const text = await run(['get', 'configmap', 'made', '-o', 'json']);
      expect(JSON.parse(text)).toMatchObject({
        data: { b: '2' },
        metadata: { labels: { tier: 'front' }, annotations: { note: 'hello' } },
      });
      const replaced = text.replace('"b": "2"', '"c": "3"');
      expect(await run(['replace', '-f', '-'], replaced)).toBe('configmap/made replaced\n');
      expect(await run(['get', 'configmap', 'made', '-o', 'jsonpath={.data}'])).toBe('{"c":"3"}');
      const image = [
        'create',
        'deployment',
        'typed',
        '--image=web:1',
        '--replicas=0',
        '--dry-run=client',
        '-o',
        'name',
      ];
      expect(await run(image)).toBe('deployment.apps/typed\n');
    });

    it('applies on the server and tells conflicts', async () => {
      const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: {a: "1"}\n';
      const apply = ['apply', '--server-side', '-f', '-'];
      expect(await run(apply, text)).toBe('configmap/shared serverside-applied\n');
      const other = await kubectl(
        [...apply, '--field-manager=other', ...inNamespace],
        text.replace('"1"', '"2"'),
      );
      expect(other.code).toBe(1);
      expect(other.err).toContain('Apply failed with 1 conflict: conflict with "kubectl": .data.a');
      const forced = [...apply, '--field-manager=other', '--force-conflicts'];
      expect(await run(forced, text.replace('"1"', '"2"'))).toBe('configmap/shared serverside-applied\n');
    });

    it('watches', async () => {
      const { kubeconfigPath } = world().cluster;
      const watch = followKubectl(kubeconfigPath, [
        'get',
        'configmaps',
        '-w',
        '-l',
        'watched',
        ...inNamespace,
      ]);
      await run(
        ['create', '-f', '-'],
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: seen, labels: {watched: "1"}}\n',
      );
      await watch.untilLine(/^seen +0 +\d+s$/);
      await run(['patch', 'configmap', 'seen', '-p', '{"data":{"a":"1"}}']);
      await watch.untilLine(/^seen +1 +\d+s$/);
      watch.stop();
    });

    it('asks whether one may', async () => {
      const may = (user: string) =>
        kubectl(['auth', 'can-i', 'list', 'secrets', `--as=${user}`, ...inNamespace]);
      expect((await may('nobody')).out).toMatch(/^no\b/);
      expect((await kubectl(['auth', 'can-i', 'list', 'secrets', ...inNamespace])).out).toBe('yes\n');
    });
  });
}
