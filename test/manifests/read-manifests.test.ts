import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faultText, type ReadManifests } from '../../src/manifests/index.ts';
import { readManifests } from '../../src/manifests/read-manifests.ts';

const files = (texts: Readonly<Record<string, string>>) =>
  readManifests(Object.entries(texts).map(([name, text]) => ({ name, bytes: Buffer.from(text) })));

function objects(result: ReadManifests): readonly unknown[] {
  if (result.kind === 'invalid') throw new Error(result.faults.map(faultText).join('\n'));
  return result.manifests.map(({ json }) => JSON.parse(Buffer.from(json).toString()) as unknown);
}

function faults(result: ReadManifests): readonly string[] {
  if (result.kind === 'ok') throw new Error('expected faults');
  return result.faults.map(faultText);
}

const configMap = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`;

describe('manifests', () => {
  it('come in the order of files and documents, each with its place', () => {
    const result = files({
      'a.yaml': `# first\n---\n${configMap('one')}---\n---\n# nothing here\n---\n${configMap('two')}`,
      'b.json':
        '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"x"}}\n{"kind":"Y"}',
    });
    expect(result).toMatchObject({
      kind: 'ok',
      warnings: [],
      manifests: [
        {
          file: 'a.yaml',
          document: 2,
          line: 3,
          apiVersion: 'v1',
          kind: 'ConfigMap',
          name: 'one',
          namespace: '',
        },
        { file: 'a.yaml', document: 4, line: 11, name: 'two' },
        { file: 'b.json', document: 1, line: 1, apiVersion: 'apps/v1', name: 'web', namespace: 'x' },
        { file: 'b.json', document: 2, line: 2, apiVersion: '', kind: 'Y', name: '' },
      ],
    });
  });

  it('keep the digits of large integers', () => {
    const json = files({ a: '{"kind":"A","n":9007199254740993,"f":1.5e3,"big":99999999999999999999}' });
    expect(json.kind === 'ok' && Buffer.from(json.manifests[0]?.json ?? []).toString()).toBe(
      '{"kind":"A","n":9007199254740993,"f":1500,"big":100000000000000000000}',
    );
  });

  it('are taken out of lists, nested ones too; an item without kind and apiVersion is of its list', () => {
    const list = `
apiVersion: v1
kind: ConfigMapList
items:
- metadata: {name: one}
- apiVersion: v1
  kind: List
  items:
  - {apiVersion: apps/v1, kind: Deployment, metadata: {name: two}}
`;
    expect(objects(files({ list }))).toEqual([
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' } },
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'two' } },
    ]);
    expect(objects(files({ empty: 'kind: List\nitems:' }))).toEqual([]);
  });

  it('tell every fault at once, with file, document, line and column', () => {
    const told = faults(
      files({
        'a.yaml': `${configMap('a')}---\nkind: A\nspec: [1,\n---\nmetadata: {name: x}\n--- {kind: B}\n`,
        'b.json': '{"kind": "A"}\n{"kind": "B",\n "x": 1 "y": 2}',
        'c.yaml': 'kind: List\nitems: 3\n',
        'd.yaml': 'kind: 3\n',
        'e.yaml': 'kind: A\nmetadata: {name: 1}\n',
        'f.yaml': '- kind: A\n',
      }),
    );
    expect(told).toEqual([
      expect.stringMatching(/^error parsing a\.yaml: document 2, line [678], column \d+: /),
      expect.stringMatching(/^error parsing a\.yaml: document 3, line 9: kind is missing/),
      expect.stringMatching(/^error parsing a\.yaml: document 3, line 10: invalid Yaml document separator/),
      expect.stringMatching(/^error parsing b\.json: document 2, line 3, column 9: Expected/),
      'error parsing c.yaml: document 1, line 1: items: expected a list',
      'error parsing d.yaml: document 1, line 1: kind: expected text; put the value in quotes',
      'error parsing e.yaml: document 1, line 1: metadata.name: expected text; put the value in quotes',
      'error parsing f.yaml: document 1, line 1: expected a map with apiVersion and kind',
    ]);
  });

  it('never quote what the file says', () => {
    const told = faults(
      files({
        a: '{"kind":"Secret","stringData":{"password":hunter2}}',
        b: 'kind: Secret\nstringData: {password: "hunter2\n',
        c: '{"kind":"Secret","stringData":{"password":"hunter2",}}',
      }),
    ).join('\n');
    expect(told).not.toContain('hunter2');
    expect(told.split('\n')).toHaveLength(3);
  });

  it('warn of what follows the end marker, which is not read', () => {
    const result = files({
      a: `${configMap('one')}...\n${configMap('two')}`,
      b: `${configMap('three')}...\n# end\n`,
    });
    expect(objects(result)).toHaveLength(2);
    expect(result).toMatchObject({ warnings: [{ file: 'a', line: 5 }] });
  });

  it('must be text', () => {
    const bytes = new Uint8Array([0x6b, 0xff, 0xfe]);
    expect(faults(readManifests([{ name: 'x', bytes }]))).toEqual([
      'error parsing x: document 1, line 1: the file is not text in UTF-8',
    ]);
  });

  it('are bounded in the faults they tell', () => {
    const result = files({ a: 'x: 1\n---\n'.repeat(250) });
    expect(result).toMatchObject({ kind: 'invalid', moreFaults: 150 });
  });

  it('never throw, whatever a file holds, and give JSON that can be read again', () => {
    const bits = [
      'kind: A',
      '---',
      '...',
      '{',
      '}',
      '[',
      '"',
      '\n',
      ' ',
      'items:',
      '- ',
      '&a',
      '*a',
      '<<: ',
      'é',
      '\0',
      '1e9',
      ': ',
    ];
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...bits), fc.string()), { maxLength: 40 }), (parts) => {
        const result = files({ a: parts.join('') });
        if (result.kind === 'ok') objects(result);
      }),
      { numRuns: 2_000 },
    );
  });
});
