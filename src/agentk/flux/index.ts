/** What agentk does for Flux. */
export { createFluxModule } from './flux-module.ts';
