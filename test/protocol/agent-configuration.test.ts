import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  configurationFileToJson,
  parseAgentConfiguration,
  toAgentConfiguration,
  type ParsedConfiguration,
} from '../../src/protocol/index.ts';

const parse = (text: string): ParsedConfiguration => parseAgentConfiguration(Buffer.from(text));
const jsonOf = (text: string) => {
  const parsed = parse(text);
  return parsed.kind === 'ok' ? parsed.json : parsed;
};

const whole = `
gitops:
  manifest_projects:
    - id: group/project
      default_namespace: ns
      ref: {branch: main}
      paths: [{glob: '**/*.yaml'}]
      reconcile_timeout: 3600s
      dry_run_strategy: server
      prune: false
      prune_timeout: 1.5s
      prune_propagation_policy: orphan
      inventory_policy: adopt_all
observability:
  logging: {level: debug, grpc_level: warn}
  google_profiler: {enabled: true, project_id: p, credentials_file: f, debug_logging: true}
ci_access:
  projects:
    - id: a/b
      default_namespace: d
      environments: [prod]
      access_as:
        impersonate:
          username: u
          groups: [g]
          uid: i
          extra: [{key: k, val: [v, w]}]
  groups: [{id: g, access_as: {ci_job: {}}}]
user_access:
  access_as: {user: {}}
  projects: [{id: a}]
  groups: [{id: b}]
container_scanning:
  cadence: '0 1 * * *'
  vulnerability_report:
    namespaces: [x]
    filters: [{namespaces: [ns], resources: [r], containers: [c], kinds: [k]}]
  resource_requirements: {limits: {cpu: 1m, memory: 1Mi}, requests: {cpu: 1m, memory: 1Mi}}
remote_development:
  enabled: true
  dns_zone: z
  partial_sync_interval: 10s
  full_sync_interval: 3600s
  gitlab_workspaces_proxy: {namespace: ns}
  network_policy: {enabled: false}
flux: {webhook_receiver_url: 'http://flux'}
`;

describe('agent configuration file', () => {
  it('is read whole and comes back as JSON with the names of the file', () => {
    const parsed = parse(whole);
    if (parsed.kind !== 'ok') throw new Error(parsed.reason);
    expect(parsed.file.gitops?.manifestProjects[0]?.ref?.ref).toEqual({ case: 'branch', value: 'main' });
    expect(parsed.file.gitops?.manifestProjects[0]?.pruneTimeout).toMatchObject({
      seconds: 1n,
      nanos: 500_000_000,
    });
    expect(parsed.json).toMatchObject({
      gitops: { manifest_projects: [{ prune: false, reconcile_timeout: '3600s', prune_timeout: '1.500s' }] },
      observability: { logging: { level: 'debug', grpc_level: 'warn' } },
      ci_access: {
        projects: [{ access_as: { impersonate: { extra: [{ key: 'k', val: ['v', 'w'] }] } } }],
        groups: [{ id: 'g', access_as: { ci_job: {} } }],
      },
      user_access: { access_as: { user: {} } },
      remote_development: { network_policy: { enabled: false } },
    });
    expect(parse(JSON.stringify(parsed.json))).toEqual(parsed);
    expect(configurationFileToJson(parsed.file)).toEqual(parsed.json);
  });

  it.each(['', '\n', 'null', '~', '---\n', '# only a comment\n', '{}'])(
    '%j is the empty configuration',
    (text) => {
      expect(jsonOf(text)).toEqual({});
    },
  );

  it('takes an empty section, the last of equal keys, the first document, merge keys and old booleans', () => {
    expect(jsonOf('gitops:\nflux: {}')).toEqual({ flux: {} });
    expect(jsonOf('flux: {webhook_receiver_url: a}\nflux: {webhook_receiver_url: b}')).toEqual({
      flux: { webhook_receiver_url: 'b' },
    });
    expect(jsonOf('flux: {}\n---\nanything: 1')).toEqual({ flux: {} });
    expect(
      jsonOf('ci_access: {projects: [&p {id: a, default_namespace: ns}, {<<: *p, id: b}]}'),
    ).toMatchObject({ ci_access: { projects: [{ id: 'a' }, { id: 'b', default_namespace: 'ns' }] } });
    // Go's reader takes single letters for booleans too
    expect(jsonOf('remote_development: {enabled: y}')).toEqual({ remote_development: { enabled: true } });
    expect(jsonOf('remote_development: {enabled: yes}')).toEqual({ remote_development: { enabled: true } });
    expect(jsonOf('flux: {webhook_receiver_url: 2024-01-01}')).toEqual({
      flux: { webhook_receiver_url: '2024-01-01' },
    });
  });

  it.each([
    ['gitops: {manifestProjects: []}', 'gitops.manifestProjects: unknown key'],
    ['gitops: {charts: []}', 'gitops.charts: unknown key'],
    ['cilium: {}', 'cilium: unknown key'],
    ['__proto__: {flux: {}}', '__proto__: unknown key'],
    ['1: 2', '1: unknown key'],
    ['[1]', 'expected a map, got a list'],
    ['text', 'expected a map, got a string'],
    ['true', 'expected a map, got a boolean'],
    ['flux: [a]', 'flux: expected a map, got a list'],
    ['gitops: 5', 'gitops: expected a map, got a number'],
    ['gitops: {manifest_projects: {}}', 'gitops.manifest_projects: expected a list, got a map'],
    ['gitops: {manifest_projects: [null]}', 'gitops.manifest_projects[0]: expected a map, got null'],
    [
      'gitops: {manifest_projects: [{reconcile_timeout: 1h}]}',
      'gitops.manifest_projects[0].reconcile_timeout: not a Duration: "1h"',
    ],
    ['ci_access: {projects: [{id: 5}]}', 'ci_access.projects[0].id: expected string, got 5'],
    [
      'ci_access: {groups: [{id: a, environments: [a, 3]}]}',
      'ci_access.groups[0].environments[1]: expected string, got 3',
    ],
    ['observability: {logging: {level: loud}}', 'observability.logging.level: unknown word "loud"'],
    [
      'user_access: {access_as: {agent: {}, user: {}}}',
      'user_access.access_as.user: only one of agent and user may be given',
    ],
    ['flux: {webhook_receiver_url: .inf}', 'flux.webhook_receiver_url: number is not finite'],
    ['a: [1', 'yaml: line 1: unexpected end of the stream within a flow collection'],
    ['a: !unknown b', 'yaml: line 1: unknown scalar tag !<!unknown>'],
  ])('%j is refused when parsed, with the place', (text, reason) => {
    expect(parse(text)).toEqual({ kind: 'invalid', stage: 'parse', reason });
  });

  it.each([
    ['container_scanning: {}', 'invalid ContainerScanningCF.Cadence: value length must be at least 1 bytes'],
    ['ci_access: {projects: [{}]}', 'invalid CiAccessProjectCF.Id: value length must be at least 1 bytes'],
    ['user_access: {access_as: {}}', 'invalid UserAccessAsCF.As: value is required'],
    [
      'gitops: {manifest_projects: [{inventory_policy: x}]}',
      'value must be in list [ must_match adopt_if_no_inventory adopt_all]',
    ],
    ['remote_development: {full_sync_interval: 0s}', 'value must be greater than 0s'],
    [
      'ci_access: {groups: [{id: a, access_as: {impersonate: {username: u, extra: [{key: k}]}}}]}',
      'invalid ExtraKeyValCF.Val: value must contain at least 1 item(s)',
    ],
  ])('%j breaks a rule', (text, reason) => {
    const parsed = parse(text);
    expect(parsed).toMatchObject({ kind: 'invalid', stage: 'validate' });
    if (parsed.kind === 'invalid') expect(parsed.reason).toContain(reason);
  });

  it('is refused when it is too big, too deep, no text, or a bomb', () => {
    const refused = (bytes: Uint8Array) => {
      const parsed = parseAgentConfiguration(bytes);
      return parsed.kind === 'invalid' && parsed.stage === 'parse' ? parsed.reason : parsed;
    };
    expect(refused(Buffer.alloc(128 * 1024 + 1, ' '))).toBe('file is bigger than 131072 bytes');
    expect(refused(Buffer.alloc(128 * 1024, ' '))).toMatchObject({ kind: 'ok' });
    expect(refused(Buffer.from([0x66, 0xff]))).toBe('file is not valid UTF-8');
    expect(refused(Buffer.from('['.repeat(200) + ']'.repeat(200)))).toContain('nesting exceeded');
    const bomb = Array.from({ length: 9 }, (_, i) =>
      i === 0
        ? 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]'
        : `a${i}: &a${i} [${Array(10)
            .fill(`*a${i - 1}`)
            .join(',')}]`,
    );
    expect(refused(Buffer.from(bomb.join('\n')))).toBe('more than 100000 values');
    const ladder = Array.from({ length: 80 }, (_, i) => (i === 0 ? '- &a0 [x]' : `- &a${i} [*a${i - 1}]`));
    expect(refused(Buffer.from(ladder.join('\n')))).toMatch(/nested too deeply$/);
    expect(refused(Buffer.from('a: &a [*a]'))).toMatch(/nested too deeply|unidentified alias/);
  });

  it('never makes the reader throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        expect(['ok', 'invalid']).toContain(parse(text).kind);
      }),
    );
    const token = fc.constantFrom(
      ...'- :\n{}[]&*!|>\'"%@`,?#ab0 <~'.split(''),
      'gitops',
      'flux: ',
      '&a ',
      '*a ',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 60 }), (tokens) => {
        expect(['ok', 'invalid']).toContain(parse(tokens.join('')).kind);
      }),
    );
  });

  it('gives agentk every section but user_access, and who it is', () => {
    const parsed = parse(whole);
    if (parsed.kind !== 'ok') throw new Error(parsed.reason);
    const { file } = parsed;
    const identity = { agentId: 1n, projectId: 2n, projectPath: 'g/p', gitlabExternalUrl: 'https://gitlab' };
    const sent = toAgentConfiguration(file, identity);
    expect(sent).toMatchObject(identity);
    expect(sent.gitops).toEqual(file.gitops);
    expect(sent.observability).toEqual(file.observability);
    expect(sent.ciAccess).toEqual(file.ciAccess);
    expect(sent.containerScanning).toEqual(file.containerScanning);
    expect(sent.remoteDevelopment).toEqual(file.remoteDevelopment);
    expect(sent.flux).toEqual(file.flux);
    expect('userAccess' in sent).toBe(false);
  });

  it('leaves sections unset that the file does not have', () => {
    const parsed = parse('');
    if (parsed.kind !== 'ok') throw new Error(parsed.reason);
    const sent = toAgentConfiguration(parsed.file, {
      agentId: 1n,
      projectId: 2n,
      projectPath: '',
      gitlabExternalUrl: '',
    });
    expect([sent.gitops, sent.observability, sent.ciAccess, sent.containerScanning, sent.flux]).toEqual(
      Array.from({ length: 5 }, () => undefined),
    );
  });
});
