/**
 * The ladder from agentk to its API server: address, DNS and TCP, TLS, credentials, permissions, version. Asked with the
 * credentials agentk will use; nothing is changed in the cluster.
 */
import type { X509Certificate } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { agentName } from '../../agentk/index.ts';
import {
  CallGate,
  ClusterClient,
  clusterLimits,
  loadKubernetesAccess,
  openApiServer,
  type ApiServer,
} from '../../agentk/kubernetes/index.ts';
import type { Clock } from '../../ports/index.ts';
import { chainLines, missingAuthority } from '../certificates.ts';
import type { Report } from '../finding.ts';
import { doctorLimits } from '../limits.ts';
import { late, within } from '../within.ts';
import { examineAccess } from './access-review.ts';
import type { Seen } from './ascent.ts';
import type { AgentExamination } from './examination.ts';

const part = 'cluster';
type Access = Awaited<ReturnType<typeof loadKubernetesAccess>>;

export async function examineCluster(
  { options, pod, clock }: AgentExamination,
  seen: Seen,
  report: Report,
): Promise<void> {
  let access: Access;
  try {
    access = await loadKubernetesAccess(options.kubernetes, { env: options.env, clock });
  } catch (error) {
    const observed = error instanceof Error ? error.message : String(error);
    const remedy = 'Run the doctor in the pod of the agent, or name a kubeconfig with --kubeconfig';
    report.add({ part, rung: 'address', verdict: 'bad', observed, remedy });
    return;
  }
  report.add({ part, rung: 'address', verdict: 'good', observed: access.server.origin });
  const socket = await reach(access, clock, report);
  if (socket === undefined) return;
  const isSecured = access.server.protocol === 'http:' || (await secure(socket, access, clock, report));
  socket.destroy();
  if (!isSecured) return;
  const server = openApiServer(access, clock);
  try {
    const version = await askVersion(server, clock, seen, report);
    if (version === undefined) return;
    const client = new ClusterClient(
      { target: server.target, userAgent: agentName(options.build), clock },
      new CallGate(clusterLimits.callsMax, clusterLimits.callsWaitingMax),
    );
    await examineAccess(client, pod?.namespace ?? 'default', report);
    report.add({ part, rung: 'version', verdict: 'good', observed: version });
  } finally {
    await server.close();
  }
}

async function reach({ server }: Access, clock: Clock, report: Report): Promise<Socket | undefined> {
  const host = server.hostname.replace(/^\[|\]$/g, '');
  const port = server.port === '' ? (server.protocol === 'http:' ? 80 : 443) : Number(server.port);
  const since = clock.monotonic();
  const socket = connectTcp({ host, port });
  const outcome = await within(
    clock,
    doctorLimits.clusterMs,
    () =>
      new Promise<Error | undefined>((resolve) => {
        socket.on('error', resolve);
        socket.once('connect', () => resolve(undefined));
      }),
  );
  const tookMs = clock.monotonic() - since;
  if (outcome === undefined) {
    const observed = `${socket.remoteAddress}:${socket.remotePort} accepts`;
    report.add({ part, rung: 'TCP', verdict: 'good', observed, tookMs });
    return socket;
  }
  socket.destroy();
  const code = outcome === late ? 'ETIMEDOUT' : ((outcome as NodeJS.ErrnoException).code ?? '');
  const isDns = outcome !== late && (outcome as NodeJS.ErrnoException).syscall === 'getaddrinfo';
  const observed = outcome === late ? `no answer from ${host}:${port}` : outcome.message || code;
  report.add({
    part,
    rung: isDns ? 'DNS' : 'TCP',
    verdict: 'bad',
    observed,
    remedy:
      reachRemedies[code] ?? 'Check the address of the API server, and NetworkPolicies for egress to it',
    tookMs,
  });
  return undefined;
}

const reachRemedies: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing listens there: check --server or the kubeconfig, and that the API server runs',
  ENOTFOUND: 'The name does not exist here: check the server of the kubeconfig, and the DNS of the cluster',
  EAI_AGAIN: 'The DNS server does not answer: check the DNS of the cluster',
  ETIMEDOUT:
    'Something drops the connection: a NetworkPolicy or firewall must allow egress to the API server',
};

async function secure(
  socket: Socket,
  { server, tls }: Access,
  clock: Clock,
  report: Report,
): Promise<boolean> {
  const since = clock.monotonic();
  const host = server.hostname.replace(/^\[|\]$/g, '');
  const secured = connectTls({
    socket,
    host: tls.serverName ?? host,
    minVersion: 'TLSv1.2',
    // Judged below, so that the chain can be seen also when it is not trusted.
    rejectUnauthorized: false,
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  });
  const outcome = await within(
    clock,
    doctorLimits.clusterMs,
    () =>
      new Promise<Error | undefined>((resolve) => {
        secured.on('error', resolve);
        secured.once('secureConnect', () => resolve(undefined));
      }),
  );
  const tookMs = clock.monotonic() - since;
  const chain = outcome === undefined ? chainOf(secured) : [];
  const trouble =
    outcome === late
      ? 'no answer to the TLS handshake'
      : outcome !== undefined
        ? outcome.message
        : tls.skipVerify || secured.authorized
          ? undefined
          : String(secured.authorizationError);
  const details = chainLines(chain);
  secured.destroy();
  if (trouble === undefined) {
    const trust = tls.skipVerify ? 'not verified (--insecure-skip-tls-verify)' : 'trusted';
    const observed = `the certificate is ${trust}`;
    report.add({ part, rung: 'TLS', verdict: 'good', observed, details, tookMs });
    return true;
  }
  const remedy =
    'Check --certificate-authority or the CA of the kubeconfig, the name in the certificate, and the clock';
  const lines = chain.length === 0 ? details : [...details, missingAuthority(chain)];
  report.add({ part, rung: 'TLS', verdict: 'bad', observed: trouble, remedy, details: lines, tookMs });
  return false;
}

function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < doctorLimits.chainMax) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

/** The version; undefined when the credentials are not taken or the server does not answer. */
async function askVersion(
  { target }: ApiServer,
  clock: Clock,
  seen: Seen,
  report: Report,
): Promise<string | undefined> {
  const rung = 'credentials';
  const authorization = target.authorization();
  const who = authorization === undefined ? 'without a token' : 'with a token (not shown)';
  const since = clock.monotonic();
  const answer = await within(clock, doctorLimits.clusterMs, async (signal) => {
    try {
      const { statusCode, headers, body } = await target.dispatcher.request({
        method: 'GET',
        origin: target.origin,
        path: `${target.basePath}/version`,
        signal,
        headers: { accept: 'application/json', ...(authorization === undefined ? {} : { authorization }) },
      });
      const { date } = headers;
      if (typeof date === 'string') seen.dates.push({ from: 'the API server', date, nowMs: clock.now() });
      return { statusCode, text: (await body.text()).slice(0, doctorLimits.answerBytesMax) };
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  });
  const tookMs = clock.monotonic() - since;
  const bad = (observed: string, remedy: string) => {
    report.add({ part, rung, verdict: 'bad', observed, remedy, tookMs });
    return undefined;
  };
  if (answer === late || typeof answer === 'string') {
    return bad(answer === late ? 'no answer to GET /version' : answer, 'Check that this is an API server');
  }
  if (answer.statusCode === 401) {
    return bad(
      `the API server does not accept the credentials ${who} (401)`,
      'Check the service account of the pod, or the user of the kubeconfig; a wrong clock also makes tokens invalid',
    );
  }
  if (answer.statusCode !== 200) {
    return bad(
      `GET /version was answered with ${answer.statusCode}`,
      'Check that this is an API server, and that the identity may get /version (system:public-info-viewer)',
    );
  }
  report.add({ part, rung, verdict: 'good', observed: `accepted ${who}`, tookMs });
  const version = /"gitVersion":\s*"([^"]*)"/.exec(answer.text)?.[1];
  return version ?? 'no version in the answer of GET /version';
}
