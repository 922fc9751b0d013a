/** The listeners GitLab and other kas call, as far as they are configured: their servers, doors and connections. */
import { AgentConnections } from '../actors/index.ts';
import { GrpcServer, type CallObserver } from '../pipe/grpc/index.ts';
import type { Git, PushEvents, Store } from '../ports/index.ts';
import { methods } from '../protocol/index.ts';
import type { DynamicSupervisor } from '../supervisor/index.ts';
import type { TlsPair } from '../files/index.ts';
import { serveGitLabApi } from './gitlab-api/services.ts';
import { GrpcFront } from './grpc-front.ts';
import { jwtGate } from './jwt-gate.ts';
import { parseListenAddress } from './listen.ts';
import { notRouted } from './private-api/not-routed.ts';
import type { ServerDeps } from './server-deps.ts';

export interface RpcApis {
  readonly api: GrpcFront | undefined;
  readonly privateApi: GrpcFront | undefined;
}

interface RpcListen {
  readonly network: string;
  readonly address: string;
  readonly max_connection_age: number;
}

interface RpcApi {
  readonly whose: 'api' | 'private_api';
  readonly listen: RpcListen;
  readonly secret: () => Buffer;
  readonly tls: (() => TlsPair) | undefined;
  readonly upMessage: string;
  readonly supervisor: () => DynamicSupervisor;
}

export function makeRpcApis(
  deps: ServerDeps,
  parts: {
    readonly supervisors: {
      readonly api: () => DynamicSupervisor;
      readonly privateApi: () => DynamicSupervisor;
    };
    readonly observer: CallObserver;
    readonly store: Store;
    readonly git: Git;
    readonly pushEvents: PushEvents;
  },
): RpcApis {
  const { configuration, credentials } = deps;
  const { secrets, tls } = credentials;
  return {
    api:
      configuration.api === undefined || secrets.api === undefined
        ? undefined
        : makeGitLabApi(deps, parts, {
            whose: 'api',
            listen: configuration.api.listen,
            secret: secrets.api,
            tls: tls.api,
            upMessage: 'API endpoint is up',
            supervisor: parts.supervisors.api,
          }),
    privateApi:
      configuration.private_api === undefined || secrets.privateApi === undefined
        ? undefined
        : makePrivateApi(deps, parts, {
            whose: 'private_api',
            listen: configuration.private_api.listen,
            secret: secrets.privateApi,
            tls: tls.privateApi,
            upMessage: 'Private API endpoint is up',
            supervisor: parts.supervisors.privateApi,
          }),
  };
}

function makeGitLabApi(
  deps: ServerDeps,
  parts: Pick<Parameters<typeof makeRpcApis>[1], 'observer' | 'store' | 'git' | 'pushEvents'>,
  of: RpcApi,
): GrpcFront {
  const { grpc, connections, front } = listenerOf(deps, parts.observer, of);
  const { clock, log } = deps;
  const gate = jwtGate({ secret: of.secret, issuer: 'anyone', connections, clock, log });
  serveGitLabApi(grpc, { ...parts, clock, log, gate });
  return front;
}

function makePrivateApi(
  deps: ServerDeps,
  { observer }: { readonly observer: CallObserver },
  of: RpcApi,
): GrpcFront {
  const { grpc, connections, front } = listenerOf(deps, observer, of);
  const { clock, log } = deps;
  const gate = jwtGate({ secret: of.secret, issuer: 'kas', connections, clock, log });
  grpc.handle(methods.makeRequest.path, gate(notRouted));
  return front;
}

function listenerOf(
  { clock, random, log, grpcLog, registry }: ServerDeps,
  observer: CallObserver,
  of: RpcApi,
) {
  const connections = new AgentConnections({
    supervisor: of.supervisor,
    clock,
    random,
    log,
    metrics: registry.metrics,
    ageMsMax: of.listen.max_connection_age,
    whose: of.whose,
  });
  const grpc = new GrpcServer({ clock, log: grpcLog, observer });
  const address = parseListenAddress(of.listen.network, of.listen.address);
  const front = new GrpcFront({ address, tls: of.tls, grpc, connections, log, upMessage: of.upMessage });
  return { grpc, connections, front };
}
