/** The kernel of simulations: virtual time, seeded chance, the order of events, the trace. */
export { Kernel, type Failure } from './kernel.ts';
export { SeededRandom } from './seeded-random.ts';
export { traceText, type TraceLine } from './trace.ts';
