/** Calls between our gRPC and grpc-js, either way round. */
export { judgeCalls } from './calls-judge.ts';
export { drawCallsPlan, type CallsPlan } from './calls-plan.ts';
export { CallsWorld } from './calls-world.ts';
