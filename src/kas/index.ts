/** The server: configuration, listeners, composition. */
export { buildInfo, serverName } from './build-info.ts';
export { runKas, type RunningKas } from './main.ts';
export { listCredentials, type Credentials } from './credentials.ts';
export { listen, parseListenAddress } from './listen.ts';
export { ownPrivateApiUrl } from './own-url.ts';
