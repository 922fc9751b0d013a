/**
 * The repository of one manifest project in a simulated world: a few files of ConfigMaps, commit after commit. A push does one small thing to
 * what is there, so that a plan may lose any of them and the rest still makes sense.
 *
 * M1. A commit is never changed; what it holds can be told from its id, and from its files.
 */
import type { ManifestFile } from '../../manifests/index.ts';
import type { SeededRandom } from '../kernel/index.ts';

/** What a push does. `break`: a file that is no manifest; the next push takes it away. */
export const manifestChanges = ['change', 'add', 'delete', 'rename', 'move', 'break'] as const;
export type ManifestChange = (typeof manifestChanges)[number];

export interface Commit {
  readonly id: string;
  /** Text by path. */
  readonly files: ReadonlyMap<string, string>;
  /** What is to be in the cluster: values by name. */
  readonly objects: ReadonlyMap<string, string>;
  /** Nobody can read it. */
  readonly broken: boolean;
}

interface Held {
  value: string;
  file: number;
}

const filesMax = 2;
export const manifestNamespace = 'default';
export const objectName = (number: number): string => `app-${number}`;

export class ManifestRepository {
  readonly #agent: number;
  readonly #objects = new Map<string, Held>();
  readonly #commits = new Map<string, Commit>();
  readonly #byFiles = new Map<string, Commit>();
  #made = 0;
  #head: Commit;

  constructor(agent: number, random: SeededRandom) {
    this.#agent = agent;
    const objects = 2 + random.below(3);
    for (let made = 0; made < objects; made++) this.#add(random.below(filesMax));
    this.#head = this.#commit(false);
  }

  get head(): Commit {
    return this.#head;
  }

  commit(id: string): Commit | undefined {
    return this.#commits.get(id);
  }

  /** The commit that has exactly these files (M1). */
  holding(files: readonly ManifestFile[]): Commit | undefined {
    return this.#byFiles.get(
      fingerprint(files.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])),
    );
  }

  /** Does it to the object at this place, counted around; never leaves the repository without one. */
  push(change: ManifestChange, at: number): void {
    const names = [...this.#objects.keys()];
    const name = names[at % names.length] ?? '';
    const held = this.#objects.get(name);
    if (held === undefined) throw new Error('a manifest project has an object');
    if (change === 'change') held.value = `value-${this.#commits.size}`;
    if (change === 'move') held.file = (held.file + 1) % filesMax;
    if (change === 'add' || change === 'rename') this.#add(held.file);
    if (change === 'rename' || (change === 'delete' && names.length > 1)) this.#objects.delete(name);
    this.#head = this.#commit(change === 'break');
  }

  #add(file: number): void {
    this.#objects.set(objectName(this.#made), { value: `value-${this.#commits.size}`, file });
    this.#made += 1;
  }

  #commit(broken: boolean): Commit {
    const texts = new Map<string, string>();
    for (const [name, { value, file }] of this.#objects) {
      const path = `manifests/${file}.yaml`;
      texts.set(path, (texts.get(path) ?? '') + manifest(name, value));
    }
    if (broken) texts.set('manifests/broken.yaml', 'kind: [\n');
    const files = new Map([...texts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const number = this.#commits.size + 1;
    const id = `${(this.#agent + 1).toString(16).padStart(8, 'f')}${number.toString(16).padStart(32, '0')}`;
    const objects = new Map([...this.#objects].map(([name, { value }]) => [name, value]));
    const commit: Commit = { id, files, objects, broken };
    this.#commits.set(id, commit);
    this.#byFiles.set(fingerprint([...files]), commit);
    return commit;
  }
}

function manifest(name: string, value: string): string {
  return `---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: ${value}\n`;
}

function fingerprint(files: readonly (readonly [string, string])[]): string {
  return JSON.stringify(files.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
