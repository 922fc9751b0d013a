/** What the original does and this agentk does not, told to people. */
export { createNotIncludedModule, createScanPoliciesModule } from './not-included-module.ts';
