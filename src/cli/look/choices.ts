/** The words that options take, apart from what does the work: `--help` and completions need no more. */
export const agentSorts = ['name', 'id', 'state', 'since', 'pods', 'version', 'tunnels', 'failure'] as const;
export const tableFormats = ['table', 'wide', 'json', 'yaml'] as const;
export const plainFormats = ['table', 'json', 'yaml'] as const;
export const eventFormats = ['text', 'json'] as const;
/** As in `src/kas/dashboard/wire.ts`, whose order is that of its codes. */
export const stateChoices = [
  'online',
  'degraded',
  'connecting',
  'disconnected',
  'refused',
  'draining',
  'left',
] as const;
export const requestLists = ['all', 'living', 'slow', 'failed'] as const;
