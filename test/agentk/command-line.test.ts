import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readCommandLine, unsetBuild } from '../../src/agentk/index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kastor-agentk-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(scratch, name);
  writeFileSync(path, content);
  return path;
}

const pod = { POD_NAMESPACE: 'gitlab-agent', POD_NAME: 'agent-0' };
const kas = ['--kas-address', 'grpc://kas:8150'];

function read(args: readonly string[], env: Record<string, string> = { ...pod, AGENTK_TOKEN: 'token' }) {
  return readCommandLine(args, env, unsetBuild);
}

function options(args: readonly string[], env?: Record<string, string>) {
  const line = read(args, env);
  if (line.kind !== 'run') throw new Error(JSON.stringify(line));
  return line.options;
}

test('the defaults are those of the original', () => {
  expect(options(kas)).toMatchObject({
    kasAddress: 'grpc://kas:8150',
    kasHeaders: [],
    kasCaFile: undefined,
    kasServerName: undefined,
    kasSkipVerify: false,
    pod: { namespace: 'gitlab-agent', name: 'agent-0' },
    observability: { network: 'tcp', address: ':8080', certFile: undefined, keyFile: undefined },
  });
});

test('version and help are texts', () => {
  expect(read(['--version'])).toEqual({
    kind: 'text',
    text: 'v0.0.0, commit: 00000000, built: 00000000.000000\n',
  });
  for (const flag of ['-h', '--help']) {
    const help = read([flag]);
    expect(help.kind === 'text' && help.text).toContain('--kas-address');
  }
});

test('both names of the CA flag are taken, and may not differ', () => {
  const [one, two] = [file('one.pem', ''), file('two.pem', '')];
  for (const flag of ['--ca-cert-file', '--kas-ca-cert-file']) {
    expect(options([...kas, flag, one]).kasCaFile).toBe(one);
  }
  expect(read([...kas, '--ca-cert-file', one, '--kas-ca-cert-file', two]).kind).toBe('error');
  expect(read([...kas, '--ca-cert-file', join(scratch, 'absent')]).kind).toBe('error');
});

test('booleans are taken in the way of Go', () => {
  expect(options([...kas, '--kas-insecure-skip-tls-verify=true']).kasSkipVerify).toBe(true);
  expect(options([...kas, '--kas-insecure-skip-tls-verify=false']).kasSkipVerify).toBe(false);
  expect(options([...kas, '--insecure-skip-tls-verify']).kubernetes.insecureSkipTlsVerify).toBe(true);
});

test('the connection flags of kubectl are taken', () => {
  const given = options([
    ...kas,
    ...'--kubeconfig /k --context c -s https://api -n x --as me --as-group a --as-group b'.split(' '),
    ...'--token t --request-timeout 0 --cache-dir /x'.split(' '),
  ]);
  expect(given.kubernetes).toMatchObject({
    kubeconfig: '/k',
    context: 'c',
    server: 'https://api',
    as: 'me',
    asGroup: ['a', 'b'],
    token: 't',
  });
});

test.each([
  ['0', undefined],
  ['30', 30_000],
  ['1m30s', 90_000],
  ['1.5s', 1_500],
  ['250ms', 250],
  ['0s', undefined],
])('a request timeout of %s is %s milliseconds for calls of agentk itself', (given, ms) => {
  expect(options([...kas, '--request-timeout', given]).kubernetesCallMsMax).toBe(ms);
});

test('every flag of the original is taken, with its value behind a blank or an equals sign', () => {
  const valued = [
    'token-file ca-cert-file kas-header kas-tls-server-name observability-listen-network',
    'observability-listen-address observability-cert-file observability-key-file kubeconfig cache-dir',
    'certificate-authority client-certificate client-key cluster context user namespace server',
    'tls-server-name token as as-uid as-group',
  ]
    .join(' ')
    .split(' ');
  const values: Record<string, string> = {
    'token-file': file('t', 'glagent-t'),
    'ca-cert-file': file('c', ''),
  };
  const value = (name: string) => values[name] ?? 'x:y';
  const env = { ...pod };
  expect(read([...kas, ...valued.flatMap((name) => [`--${name}`, value(name)])], env).kind).toBe('run');
  expect(read([...kas, ...valued.map((name) => `--${name}=${value(name)}`)], env).kind).toBe('run');
  const switches = ['kas-insecure-skip-tls-verify', 'insecure-skip-tls-verify', 'disable-compression'];
  for (const end of ['', '=true', '=false', '=1']) {
    expect(read([...kas, ...switches.map((name) => `--${name}${end}`)]).kind).toBe('run');
  }
});

describe('the token', () => {
  test('from the environment is taken out of it', () => {
    const env: Record<string, string> = { ...pod, AGENTK_TOKEN: ' token\r\n' };
    expect(options(kas, env).token).toBe('token');
    expect(env).toEqual(pod);
  });

  test('from a file loses its line end', () => {
    expect(options([...kas, '--token-file', file('token', 'glagent-x\r\n')], { ...pod }).token).toBe(
      'glagent-x',
    );
  });

  test.each([
    ['neither source', [], {}, /no agent token/],
    ['both sources', ['--token-file', '/t'], { AGENTK_TOKEN: '' }, /both/],
    ['an empty token', [], { AGENTK_TOKEN: ' \n' }, /empty/],
    ['an absent file', ['--token-file', '/absent/token'], {}, /ENOENT/],
    ['two lines', [], { AGENTK_TOKEN: 'a\nb' }, /characters/],
  ])('is refused: %s', (_, args, env, message) => {
    const line = read([...kas, ...args], { ...pod, ...env });
    expect(line.kind === 'error' && line.message).toMatch(message);
  });
});

test.each([
  [['--kas-address', 'grpc://x', 'extra'], {}, /too many arguments/],
  [['--unknown'], {}, /unknown option '--unknown'/],
  [[], {}, /kas-address must be given/],
  [kas, { POD_NAME: '' }, /POD_NAME must be set/],
  [kas, { POD_NAMESPACE: '' }, /POD_NAMESPACE must be set/],
  [[...kas, '--request-timeout', 'soon'], {}, /request-timeout must be like/],
  [[...kas, '--username', 'u'], {}, /unknown option '--username'/],
  [[...kas, '--token-file'], {}, /argument missing/],
])('%j with %j is refused', (args, env, message) => {
  const line = read(args, { ...pod, AGENTK_TOKEN: 'token', ...env });
  expect(line.kind === 'error' && line.message).toMatch(message);
});
