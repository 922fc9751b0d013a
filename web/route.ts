/** Which page is shown: part of the address, so that a page can be sent to a colleague. */
import { signal } from '@preact/signals';

export const pages = ['agents', 'requests', 'pollers', 'supervisors', 'machines', 'replay'] as const;
export type PageName = (typeof pages)[number];

export interface Route {
  readonly page: PageName;
  /** The agent, or the machine. */
  readonly key: string | undefined;
}

function read(): Route {
  const [, name, key] = /^#\/([a-z]+)(?:\/([A-Za-z0-9-]+))?$/.exec(location.hash) ?? [];
  const page = pages.find((one) => one === name) ?? 'agents';
  return { page, key };
}

export const route = signal<Route>(read());
addEventListener('hashchange', () => {
  route.value = read();
});

export function go(page: PageName, key?: string): void {
  location.hash = key === undefined ? `#/${page}` : `#/${page}/${key}`;
}
