/** From now on this thread reads one of our sources with a bug in it. */
import { registerHooks } from 'node:module';
import { withBug, type NamedBug } from './named-bug.ts';

export function readWithBug(bug: NamedBug): void {
  const place = new URL(`../../${bug.file}`, import.meta.url).href;
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context);
      if (url !== place || loaded.source === undefined || loaded.source === null) return loaded;
      const { source } = loaded;
      const code = typeof source === 'string' ? source : new TextDecoder().decode(source);
      return { ...loaded, source: withBug(code, bug) };
    },
  });
}
