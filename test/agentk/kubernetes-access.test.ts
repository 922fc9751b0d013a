import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadKubernetesAccess } from '../../src/agentk/kubernetes/index.ts';
import type { KubernetesFlags } from '../../src/agentk/kubernetes/index.ts';
import { agentkLimits } from '../../src/agentk/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kastor-access-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const write = (name: string, content: string) => {
  const path = join(scratch, name);
  writeFileSync(path, content);
  return path;
};

function load(flags: KubernetesFlags, env: Record<string, string> = {}, clock = new VirtualClock()) {
  return loadKubernetesAccess(flags, {
    env: { HOME: '/nonexistent', ...env },
    clock,
    serviceAccountDir: scratch,
  });
}

const inCluster = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };

describe('in the cluster', () => {
  test('server, CA and token are those of the service account', async () => {
    write('ca.crt', 'the CA');
    write('token', 'first\n');
    const access = await load({}, inCluster);
    expect(access.server.href).toBe('https://[fd00::1]/');
    expect(access.tls).toMatchObject({ ca: 'the CA', skipVerify: false });
    expect(access.authorize()).toBe('Bearer first');
  });

  test('a renewed token is taken when the last reading is older than 50 s, and kept when it cannot be read', async () => {
    const clock = new VirtualClock();
    write('token', 'first');
    const access = await load({}, inCluster, clock);
    write('token', 'second');
    clock.advance(agentkLimits.tokenMsMax);
    expect(access.authorize()).toBe('Bearer first');
    clock.advance(1);
    expect(access.authorize()).toBe('Bearer second');
    rmSync(join(scratch, 'token'));
    clock.advance(agentkLimits.tokenMsMax + 1);
    expect(access.authorize()).toBe('Bearer second');
  });

  test('flags win', async () => {
    write('token', 'first');
    const access = await load(
      { token: 'mine', certificateAuthority: write('other.crt', 'other'), as: 'me', asGroup: ['g'] },
      inCluster,
    );
    expect(access.authorize()).toBe('Bearer mine');
    expect(access.tls.ca).toBe('other');
    expect(access.impersonation).toEqual({ username: 'me', uid: '', groups: ['g'], extra: [] });
  });
});

test('without cluster and kubeconfig the error says what is missing', async () => {
  await expect(load({})).rejects.toThrow(/not in a cluster/);
});

describe('by kubeconfig', () => {
  const b64 = (text: string) => Buffer.from(text).toString('base64');
  const exec = join(scratch, 'plugin.sh');
  writeFileSync(
    exec,
    `#!/bin/sh\necho '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-plugin"}}'\n`,
  );
  chmodSync(exec, 0o755);
  const config = write(
    'kubeconfig',
    `apiVersion: v1
kind: Config
current-context: one
clusters:
- name: first
  cluster: {server: "https://api.example.com:6443/prefix", certificate-authority-data: ${b64('the CA')}, tls-server-name: api}
- name: second
  cluster: {server: "https://other.example.com", insecure-skip-tls-verify: true}
contexts:
- name: one
  context: {cluster: first, user: token}
- name: two
  context: {cluster: second, user: cert}
- name: three
  context: {cluster: first, user: plugin}
users:
- name: token
  user: {token: secret}
- name: cert
  user: {client-certificate-data: ${b64('a cert')}, client-key-data: ${b64('a key')}}
- name: plugin
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: ${exec}, interactiveMode: Never}
`,
  );

  test('the current context decides', async () => {
    const access = await load({ kubeconfig: config });
    expect(access.server.href).toBe('https://api.example.com:6443/prefix');
    expect(access.tls).toMatchObject({ ca: 'the CA', serverName: 'api', skipVerify: false });
    expect(access.authorize()).toBe('Bearer secret');
  });

  test('another context may be named, and client certificates are taken', async () => {
    const access = await load({ context: 'two' }, { KUBECONFIG: config });
    expect(access.server.hostname).toBe('other.example.com');
    expect(access.tls).toMatchObject({ cert: 'a cert', key: 'a key', skipVerify: true });
    expect(access.authorize()).toBeUndefined();
  });

  test('exec plugins are asked', async () => {
    const access = await load({ kubeconfig: config, context: 'three' });
    expect(access.authorize()).toBe('Bearer from-plugin');
  });

  test('what does not exist is named', async () => {
    await expect(load({ kubeconfig: config, context: 'four' })).rejects.toThrow(
      'context "four" does not exist',
    );
    await expect(load({ kubeconfig: '/absent' })).rejects.toThrow(/ENOENT/);
  });
});
