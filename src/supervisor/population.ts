/**
 * Members that come and go thousands of times a second, by id: what a Map is for, but for the garbage collector. A Map makes
 * itself a new table whenever enough entries were deleted, and the old table refers to the new one: once one of them is in
 * the old generation, every later table is kept alive with the members it held, and all they know, until a full
 * collection. That moved a fifth of all that a request allocates into the old generation.
 *
 * P1. What is deleted is referred to by nothing here, and refers to nothing.
 * P2. Iteration is in the order of arrival, over those who were there when it began.
 */

class Node<V> {
  readonly id: string;
  readonly hash: number;
  readonly value: V;
  /** In the same bucket. */
  sibling: Node<V> | undefined = undefined;
  older: Node<V> | undefined = undefined;
  newer: Node<V> | undefined = undefined;

  constructor(id: string, hash: number, value: V) {
    this.id = id;
    this.hash = hash;
    this.value = value;
  }
}

/** Most populations are small, and there is one per session of an agent. */
const bucketsAtFirst = 4;

/** Ids are made by us: nobody outside can choose colliding ones. */
export class Population<V> {
  #buckets: (Node<V> | undefined)[] = emptyBuckets(bucketsAtFirst);
  /** The last one asked for or added: a step of an actor asks for the same member several times. */
  #recent: Node<V> | undefined;
  #oldest: Node<V> | undefined;
  #newest: Node<V> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: string): V | undefined {
    return this.#find(id)?.value;
  }

  /** Adds a member, in place of an older one of the same id. */
  add(id: string, value: V): void {
    this.delete(id);
    if (this.#size >= this.#buckets.length) this.#grow();
    const node = new Node(id, hashOf(id), value);
    this.#hang(node);
    node.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = node;
    else this.#newest.newer = node;
    this.#newest = node;
    this.#recent = node;
    this.#size++;
  }

  /** Takes a member out; false when there is none of this id. */
  delete(id: string): boolean {
    const node = this.#find(id);
    if (node === undefined) return false;
    this.#recent = undefined; // P1
    this.#unhang(node);
    if (node.older === undefined) this.#oldest = node.newer;
    else node.older.newer = node.newer;
    if (node.newer === undefined) this.#newest = node.older;
    else node.newer.older = node.older;
    node.older = node.newer = undefined; // P1
    this.#size--;
    return true;
  }

  clear(): void {
    for (const { id } of this.#nodes()) this.delete(id);
  }

  /** P2. */
  values(): V[] {
    return this.#nodes().map(({ value }) => value);
  }

  /** P2. */
  entries(): (readonly [string, V])[] {
    return this.#nodes().map(({ id, value }) => [id, value] as const);
  }

  #nodes(): Node<V>[] {
    const all: Node<V>[] = [];
    for (let node = this.#oldest; node !== undefined; node = node.newer) all.push(node);
    return all;
  }

  #find(id: string): Node<V> | undefined {
    if (this.#recent?.id === id) return this.#recent;
    const hash = hashOf(id);
    let node = this.#buckets[hash & (this.#buckets.length - 1)];
    while (node !== undefined && (node.hash !== hash || node.id !== id)) node = node.sibling;
    this.#recent = node;
    return node;
  }

  #hang(node: Node<V>): void {
    const bucket = node.hash & (this.#buckets.length - 1);
    node.sibling = this.#buckets[bucket];
    this.#buckets[bucket] = node;
  }

  #unhang(node: Node<V>): void {
    const bucket = node.hash & (this.#buckets.length - 1);
    const first = this.#buckets[bucket];
    if (first === node) {
      this.#buckets[bucket] = node.sibling;
    } else {
      let before = first;
      while (before !== undefined && before.sibling !== node) before = before.sibling;
      if (before !== undefined) before.sibling = node.sibling;
    }
    node.sibling = undefined; // P1
  }

  /** Never shrinks: a population that was large once will be again. */
  #grow(): void {
    const old = this.#buckets;
    this.#buckets = emptyBuckets(old.length * 2);
    old.fill(undefined); // P1
    for (const node of this.#nodes()) this.#hang(node);
  }
}

function emptyBuckets<V>(count: number): (Node<V> | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}

/** FNV-1a over UTF-16 code units. */
function hashOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
