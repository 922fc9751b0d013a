/** The server: configuration, listeners, composition. */
export { buildInfo, serverName } from './build-info.ts';
export { runKas, runServer, type RunningKas, type ServerProcess } from './main.ts';
export { buildServer, type Server } from './server.ts';
export type { ServerDeps } from './server-deps.ts';
export type { ListeningFront, Outside } from './outside.ts';
export { parseConfiguration, type KasConfiguration } from './configuration/index.ts';
export { listCredentials, type Credentials } from './credentials.ts';
export { listen, parseListenAddress } from './listen.ts';
export { ownPrivateApiUrl } from './own-url.ts';
