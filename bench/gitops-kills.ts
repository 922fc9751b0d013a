/**
 * agentk is killed at seeded random points while it brings 500 objects to a commit that changes all of them, adds a tenth and removes
 * a tenth. The next agentk has to leave the cluster and the inventory equal, at the commit, and strangers untouched.
 */
import { SeededRandom } from '../test/fakes/seeded-random.ts';
import { configMap, type GitopsScene } from './gitops-scene.ts';

const objects = 500;
const shifted = 50;

export interface Kills {
  readonly converged: number;
  readonly kills: number;
  readonly failures: readonly string[];
}

export async function killRounds(
  scene: GitopsScene,
  { kills, seed }: { readonly kills: number; readonly seed: number },
  tell: (what: string) => void,
): Promise<Kills> {
  const random = new SeededRandom(seed);
  tell(`points of the kills: seed ${seed}`);
  const stranger = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'stranger' },
    data: { value: 'by hand' },
  };
  await scene.view.ask('POST', '/api/v1/namespaces/demo/configmaps', stranger);
  const before = await versionOf(scene, 'stranger');
  const failures: string[] = [];
  for (let round = 1; round <= kills; round += 1) {
    const point = 1 + random.below(objects);
    const seen = scene.view.seen(point, `round=${round}`);
    await scene.repository.commit(filesOf(round));
    await seen;
    scene.agentk.kill('SIGKILL');
    await scene.agentk.exited;
    scene.agentk = scene.world.startAgentk();
    await scene.synchronized(1);
    const fault = await faultAfter(scene, round);
    const strange = (await versionOf(scene, 'stranger')) === before ? undefined : 'a stranger was touched';
    if (fault ?? strange) failures.push(`kill ${round} after ${point} objects: ${fault ?? strange}`);
    if (round % 5 === 0) tell(`${round} kills, ${round - failures.length} converged`);
  }
  return { converged: kills - failures.length, kills, failures };
}

function filesOf(round: number): Record<string, string | null> {
  const files: Record<string, string | null> = {};
  for (let n = 0; n < objects + shifted; n += 1) {
    const leaves = round % 2 === 0 ? n < shifted : n >= objects;
    files[`many/${n}.yaml`] = leaves ? null : configMap(`many-${n}`, round);
  }
  return files;
}

async function faultAfter({ view }: GitopsScene, round: number): Promise<string | undefined> {
  const { named, marked } = await view.owned();
  if (named.join() !== marked.join())
    return `the inventory names ${named.length}, the cluster has ${marked.length}`;
  const there = (await view.configMaps('demo', `round=${round}`)).length;
  return there === objects ? undefined : `${there} objects are at the commit, not ${objects}`;
}

async function versionOf({ view }: GitopsScene, name: string): Promise<string | undefined> {
  const all = await view.configMaps();
  return all.find(({ metadata }) => metadata.name === name)?.metadata.resourceVersion;
}
