import type { KubeObject } from '../../kubernetes/index.ts';
import type { ManifestProject } from '../manifest-project.ts';
import type { Invariant } from './invariant.ts';

export const gitInTheCluster: Invariant = {
  id: 'git-in-the-cluster',
  reason: 'In the end the cluster holds what Git holds and the inventory names exactly that.',
  settled(world, report) {
    for (const project of world.projects) {
      const wrong = differenceOf(project);
      if (wrong !== undefined) report(`agent${project.agent}: ${wrong}`);
    }
  },
};

const isInventory = ({ metadata }: KubeObject) => metadata.name.startsWith('inventory-');

/** What Git holds and the cluster does not, or the other way round. What strangers hold is left to them. */
function differenceOf(project: ManifestProject): string | undefined {
  const wanted = [...project.repository.head.objects].filter(([name]) => !project.isStrangers(name));
  const all = project.owned;
  const there = all.filter((object) => !isInventory(object)).map(valueOf);
  const said = wanted.map(([name, value]) => `${name}=${value}`);
  const inventory = all.find(isInventory);
  const named = Object.keys(dataOf(inventory)).map((key) => key.split('_')[1] ?? key);
  return (
    different('the cluster', there, said) ??
    different(
      'the inventory',
      named,
      wanted.map(([name]) => name),
    )
  );
}

function different(what: string, is: readonly string[], wanted: readonly string[]): string | undefined {
  const [has, should] = [is.toSorted().join(', '), wanted.toSorted().join(', ')];
  return has === should ? undefined : `${what} has [${has}], Git has [${should}]`;
}

function dataOf(object: KubeObject | undefined): Readonly<Record<string, unknown>> {
  const data = object?.['data'];
  return typeof data === 'object' && data !== null ? { ...data } : {};
}

function valueOf(object: KubeObject): string {
  return `${object.metadata.name}=${String(dataOf(object)['key'])}`;
}
