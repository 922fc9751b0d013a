/** News of pushes within this process: what a kas that stands alone is told, it hears. */
import type { PushEvent, PushEvents } from '../../ports/index.ts';

export function memoryPushEvents(): PushEvents {
  const listeners = new Set<(event: PushEvent) => void>();
  return {
    publish: (event) => {
      for (const listener of listeners) listener(event);
      return Promise.resolve();
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
