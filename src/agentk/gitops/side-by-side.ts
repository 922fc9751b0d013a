/**
 * Works on many things, a few at once, and tells of each in the order they were given: what happens is quick, what is told
 * reads as if it had happened one after the other.
 *
 * Nothing new is begun once `enough` says so; what is under way is finished and told.
 */
export async function sideBySide<T, R>(
  things: readonly T[],
  atOnceMax: number,
  enough: () => boolean,
  work: (thing: T) => Promise<R>,
  tell: (thing: T, result: R) => void,
): Promise<void> {
  const done = new Map<number, { readonly thing: T; readonly result: R }>();
  const [begun, told] = [things.entries(), { next: 0 }];
  const worker = async (): Promise<void> => {
    for (const [index, thing] of begun) {
      if (enough()) return;
      done.set(index, { thing, result: await work(thing) });
      for (let next = done.get(told.next); next !== undefined; next = done.get(told.next)) {
        done.delete(told.next);
        told.next += 1;
        tell(next.thing, next.result);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnceMax, things.length) }, worker));
}
