/** One commit with thousands of objects: from the end of the push until agentk says that all are in the cluster, and again until they have gone. */
import { until } from '../test/system/world.ts';
import { configMap, type GitopsScene } from './gitops-scene.ts';

const perFile = 10;
const waitMs = 1_200_000;

export interface Many {
  readonly appliedMs: number;
  readonly prunedMs: number;
  /** Inventory and cluster agree, and everything is there. */
  readonly holds: boolean;
}

export async function manyObjects(scene: GitopsScene, objects: number): Promise<Many> {
  const files: Record<string, string> = {};
  for (let n = 0; n < objects; n += perFile) {
    const some = Array.from({ length: perFile }, (_, nth) => configMap(`lot-${n + nth}`, 0));
    files[`lot/${n / perFile}.yaml`] = some.join('---\n');
  }
  const appliedMs = await pushed(scene, files);
  const { named, marked } = await scene.view.owned();
  const there = marked.filter((key) => key.includes('lot-')).length;
  const holds = there === objects && named.join() === marked.join();
  const gone = Object.fromEntries(Object.keys(files).map((path) => [path, null]));
  const prunedMs = await pushed(scene, gone);
  return { appliedMs, prunedMs, holds };
}

async function pushed(scene: GitopsScene, files: Record<string, string | null>): Promise<number> {
  const commitId = await scene.repository.commit(files);
  const from = performance.now();
  await until('all objects of a commit', waitMs, () =>
    scene.agentk.lines.some((line) => line.includes('"Objects synchronized"') && line.includes(commitId))
      ? true
      : undefined,
  );
  return performance.now() - from;
}
