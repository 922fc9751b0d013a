import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CommitReceiver } from '../../../src/agentk/gitops/commit-receiver.ts';
import { gitopsLimits } from '../../../src/agentk/gitops/limits.ts';
import { globsOf, manifestProjectsOf, sameProject } from '../../../src/agentk/gitops/manifest-project.ts';
import { AgentConfigurationSchema, ObjectsToSynchronizeResponseSchema } from '../../../src/protocol/index.ts';

const guard = { holdsEmptiness: true, deletionsMax: Infinity };
type Entry = NonNullable<
  NonNullable<Parameters<typeof create<typeof AgentConfigurationSchema>>[1]>['gitops']
>['manifestProjects'];

function projects(manifestProjects: Entry) {
  const configuration = create(AgentConfigurationSchema, {
    projectPath: 'own/project',
    gitops: { manifestProjects: manifestProjects ?? [] },
  });
  const found = manifestProjectsOf(configuration, guard);
  if (found.kind === 'invalid') throw new Error(found.reason);
  return found.projects;
}

describe('the manifest projects of a configuration', () => {
  it('have the defaults of the originals', () => {
    const [project] = projects([{}]);
    expect(project && globsOf(project)).toEqual(['**/*.{yaml,yml,json}']);
    expect(project).toMatchObject({
      id: 'own/project',
      options: {
        defaultNamespace: 'default',
        prune: true,
        dryRun: 'none',
        reconcileTimeoutMs: 3_600_000,
        pruneTimeoutMs: 3_600_000,
        propagation: 'Foreground',
        policy: 'must_match',
        guard,
      },
    });
  });

  it('keep what is given; a zero is no limit, an unknown word of a newer kas the default', () => {
    const [project] = projects([
      {
        id: 'a/b',
        defaultNamespace: 'x',
        paths: [{ glob: 'a/*' }, { glob: 'b' }],
        pruneOneof: { case: 'prune', value: false },
        dryRunStrategy: 'server',
        reconcileTimeout: { seconds: 0n },
        pruneTimeout: { seconds: 1n, nanos: 500_000_000 },
        prunePropagationPolicy: 'orphan',
        inventoryPolicy: 'something_new',
      },
    ]);
    expect(project && globsOf(project)).toEqual(['a/*', 'b']);
    expect(project?.options).toMatchObject({
      defaultNamespace: 'x',
      prune: false,
      dryRun: 'server',
      reconcileTimeoutMs: 0,
      pruneTimeoutMs: 1_500,
      propagation: 'Orphan',
      policy: 'must_match',
    });
  });

  it('must differ in their ids', () => {
    expect(() => projects([{ id: 'a/b' }, { id: 'a/b' }])).toThrow('duplicate source id: a/b');
    expect(() => projects([{}, { id: 'own/project' }])).toThrow('duplicate source id: own/project');
  });

  it('are the same work when nothing about them changed', () => {
    const [a, b, c] = [
      projects([{ id: 'a' }])[0],
      projects([{ id: 'a' }])[0],
      projects([{ id: 'a', defaultNamespace: 'y' }])[0],
    ];
    if (a === undefined || b === undefined || c === undefined) throw new Error('no project');
    expect([sameProject(a, b), sameProject(a, c)]).toEqual([true, false]);
  });
});

describe('a commit that is received', () => {
  const message = (message: Parameters<typeof create<typeof ObjectsToSynchronizeResponseSchema>>[1]) =>
    create(ObjectsToSynchronizeResponseSchema, message);
  const header = message({ message: { case: 'header', value: { commitId: 'c1', projectId: 9n } } });
  const trailer = message({ message: { case: 'trailer', value: {} } });
  const piece = (source: string, text: string) =>
    message({ message: { case: 'object', value: { source, data: Buffer.from(text) } } });

  it('is put together from the pieces of its files', () => {
    const receiver = new CommitReceiver();
    for (const each of [header, piece('a', 'x'), piece('a', 'y'), piece('b', ''), piece('a', 'z'), trailer]) {
      expect(receiver.take(each)).toBeUndefined();
    }
    const commit = receiver.commit();
    expect(commit).toMatchObject({ commitId: 'c1', projectId: 9n });
    expect(commit?.files.map(({ name, bytes }) => `${name}=${Buffer.from(bytes).toString()}`)).toEqual([
      'a=xy',
      'b=',
      'a=z',
    ]);
  });

  it('is nothing without its trailer', () => {
    const receiver = new CommitReceiver();
    for (const each of [header, piece('a', 'x')]) receiver.take(each);
    expect(receiver.commit()).toBeUndefined();
  });

  it('is refused beyond its bounds', () => {
    const receiver = new CommitReceiver();
    receiver.take(header);
    let refusal: string | undefined;
    for (let n = 0; n <= gitopsLimits.filesMax && refusal === undefined; n += 1) {
      refusal = receiver.take(piece(`f${n}`, ''));
    }
    expect(refusal).toBe(`kas sent more than ${gitopsLimits.filesMax} files`);
  });
});
