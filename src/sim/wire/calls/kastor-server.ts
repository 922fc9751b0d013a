/** Our server: the gRPC layer of kas, with the actors that keep connections alive, age them and send them away. */
import { createServer } from 'node:net';
import { AgentConnections } from '../../../actors/index.ts';
import { GrpcServer } from '../../../pipe/grpc/index.ts';
import type { ServerCall } from '../../../pipe/grpc/index.ts';
import type { Clock, Log } from '../../../ports/index.ts';
import { ok } from '../../../protocol/index.ts';
import { DynamicSupervisor, Registry, reportsToLog } from '../../../supervisor/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import { noMetrics } from '../quiet-ports.ts';
import { callPath, type Answerer, type CallBook, type ServedCall } from './call-book.ts';

export function kastorServer(
  kernel: Kernel,
  book: CallBook,
  at: { readonly place: string; readonly port: number; readonly ageMsMax: number; readonly clock: Clock },
  log: Log,
): Answerer {
  const { clock } = at;
  const random = kernel.random.fork('server');
  const env = { clock, random, registry: new Registry(), report: reportsToLog(log) };
  const population = new DynamicSupervisor({ id: 'connections', maxChildren: 100 }, env);
  const connections = new AgentConnections({
    supervisor: () => population,
    clock,
    random,
    log,
    metrics: noMetrics,
    ageMsMax: at.ageMsMax,
  });
  const grpc = new GrpcServer({ clock, log });
  grpc.onSession = (session, peer) => connections.accept(session, peer);
  grpc.onAbuse = (session, abuse) => connections.abused(session, abuse);
  grpc.handle(callPath, (call) => {
    connections.of(call.session)?.authenticated(); // else it has no business here for long
    serve(kernel, book, call);
  });
  const server = createServer((socket) => grpc.serve(socket, 'client'));
  return {
    get connections() {
      return connections.count;
    },
    start: async () => {
      await population.start();
      server.listen({ host: at.place, port: at.port });
    },
    close: async () => {
      server.close();
      connections.sendAway();
      await connections.allGone();
      await population.stop('over');
    },
  };
}

function serve(kernel: Kernel, book: CallBook, call: ServerCall): void {
  const { stream } = call;
  let served: ServedCall | undefined;
  let isWaiting = false;
  const goOn = () => {
    isWaiting = false;
    reply();
  };
  const reply = () => {
    if (served === undefined || isWaiting) return;
    while (stream.open) {
      const message = served.next();
      if (message === undefined) break;
      const more = stream.write(call.frame(message));
      if (more && served.gapMs === 0) continue;
      isWaiting = true; // for the drain, or for the time between two replies
      if (more) kernel.at(served.gapMs, goOn);
      return;
    }
    if (served.isDone) call.finish(ok);
  };
  stream.handler = {
    onMessage: (payload) => {
      if (served === undefined) served = book.serve(payload);
      else served.upload.take(payload);
      reply();
    },
    onHalfClosed: () => {
      if (served !== undefined) served.halfClosed = true;
      reply();
    },
    onDrain: goOn,
    onClosed: (end) => {
      if (served !== undefined) served.state = end.kind === 'ended' ? 'answered' : 'gone';
    },
  };
}
