/** What is told as a whole, as long as a page shows it. */
import { useEffect, useState } from 'preact/hooks';
import type { ViewName, ViewOf } from '../../src/kas/dashboard/wire.ts';
import { setKasTime } from '../time.ts';
import { follow } from './api.ts';

export function useView<Name extends ViewName>(name: Name): ViewOf[Name] | undefined {
  const [value, setValue] = useState<ViewOf[Name] | undefined>(undefined);
  useEffect(
    () =>
      follow(
        `/api/${name}/stream`,
        ({ event, data }) => {
          setKasTime((data as { now: number }).now);
          if (event === 'view') setValue(data as ViewOf[Name]);
        },
        // That the link is lost is told by the stream of the fleet, which is always there.
        () => {},
      ),
    [name],
  );
  return value;
}
