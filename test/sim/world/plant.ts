/** Wrongs put into the product for the time of a test. */
let mend: (() => void)[] = [];

/** Puts something in the place of a member until {@link mendAll}. */
export function plant<T extends object, K extends keyof T>(
  owner: T,
  name: K,
  wrong: (right: T[K]) => T[K],
): void {
  const right = owner[name];
  owner[name] = wrong(right);
  mend.push(() => void (owner[name] = right));
}

export function mendAll(): void {
  for (const one of mend.splice(0)) one();
  mend = [];
}
