/** Looks at a set-up from the outside, before and after installation, and says what is broken and how to mend it. */
export { examineAgent } from './agent/examine-agent.ts';
export type { Finding } from './finding.ts';
export { examineKas } from './kas/examine-kas.ts';
export { doctorLimits } from './limits.ts';
