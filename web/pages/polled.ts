/** What is asked for again each second or so while a page shows it. */
import { useEffect, useState } from 'preact/hooks';
import type { RequestsView, SupervisorsView } from '../../src/kas/dashboard/wire.ts';
import { link, readJson } from '../live/api.ts';

interface Views {
  readonly '/api/requests': RequestsView;
  readonly '/api/supervisors': SupervisorsView;
}

const everyMs = 1_500;

export function usePolled<Path extends keyof Views>(path: Path): Views[Path] | undefined {
  const [value, setValue] = useState<Views[Path] | undefined>(undefined);
  useEffect(() => {
    let stopped = false;
    let timer = 0;
    const look = async () => {
      try {
        const found = await readJson<Views[Path]>(path);
        if (!stopped && found !== undefined) setValue(found);
      } catch {
        link.value = 'lost';
      }
      if (!stopped) timer = window.setTimeout(() => void look(), everyMs);
    };
    void look();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [path]);
  return value;
}
