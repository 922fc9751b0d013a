/** What `kastor charts` can show of a chart. */
export const chartFormats = ['svg', 'mermaid', 'scxml', 'json'] as const;

export interface ChartsOptions {
  readonly format: (typeof chartFormats)[number];
  readonly full: boolean;
  readonly output?: string;
}
