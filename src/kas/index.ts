/** The server: configuration, listeners, composition. */
export { buildInfo } from './build-info.ts';
export { runKas, type RunningKas } from './main.ts';
