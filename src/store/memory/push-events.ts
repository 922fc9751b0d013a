/**
 * News of pushes within this process: what a kas that stands alone is told, it hears. A listener that throws is a bug, of
 * which the one who told the news hears when all others have heard the news.
 */
import type { PushEvent, PushEvents } from '../../ports/index.ts';

export function memoryPushEvents(): PushEvents {
  const listeners = new Set<(event: PushEvent) => void>();
  return {
    publish: async (event) => {
      const failures: unknown[] = [];
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, 'a listener to git pushes failed');
    },
    subscribe: (listener) => {
      // An own function, so that one that comes twice is told twice and stopped one by one.
      const own = (event: PushEvent) => listener(event);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
  };
}
