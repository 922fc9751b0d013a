/** What to do about failures of the system, of TLS and of an upgrade: advice by code, for `link-failure.ts`. */
import type { UnexpectedAnswer } from '../../pipe/websocket/index.ts';

/** By error code of the system. */
export const osRemedies: Readonly<Record<string, string>> = {
  ENOTFOUND: 'The name does not exist for this pod: check kas-address, and the DNS of the cluster',
  EAI_AGAIN: 'The DNS server does not answer: check the DNS of the cluster, and NetworkPolicies for port 53',
  ECONNREFUSED: 'Nothing listens there: check host and port, and that kas runs and its agent port is exposed',
  ETIMEDOUT:
    'Something drops the connection: allow this pod egress to that host and port (firewall, NetworkPolicy), or set HTTPS_PROXY',
  EHOSTUNREACH: 'There is no way to that host: check routes, firewall and NetworkPolicy',
  ENETUNREACH:
    'There is no way to that network: check routes, and whether the cluster has the address family',
  ECONNRESET:
    'Something cut the connection at once: check that host and port are those of kas, and firewalls in between',
};

const untrusted =
  'The certificate is of an authority this machine does not know: give its CA certificate with --kas-ca-cert-file';
const tlsRemedies: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  CERT_HAS_EXPIRED: 'Renew the certificate; if it is still valid, the clock of this node is wrong',
  CERT_NOT_YET_VALID: 'The clock of this node is wrong, or the certificate is for later',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'The certificate is for other names: use one of them in kas-address, or name it with --kas-tls-server-name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'The port does not speak TLS: use grpc:// or ws://, or the port that does',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'The port does not speak TLS: use grpc:// or ws://, or the port that does',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'The other end is older than TLS 1.2: bring it up to date',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'The other end is older than TLS 1.2: bring it up to date',
  ECONNRESET:
    'The handshake was cut: the port may not speak TLS, or a firewall in between looks at server names',
};

export function tlsRemedy({ code, http2 }: { readonly code: string; readonly http2: boolean }): string {
  if (code.includes('NO_APPLICATION_PROTOCOL') && http2)
    return 'What answers does not speak HTTP/2: use wss:// with agent.listen.websocket switched on in kas';
  return (
    tlsRemedies[code] ?? 'Check that the port speaks TLS, with a certificate for the host of kas-address'
  );
}

export function upgradeRemedy({ status, location, contentType }: UnexpectedAnswer): string {
  if (location !== undefined && status >= 300 && status < 400)
    return 'Use the address it points to as kas-address; a missing slash at the end is the usual cause';
  switch (status) {
    case 401:
    case 403:
      return 'Something in front of kas asks for permission: let it pass, or give what it wants with --kas-header';
    case 404:
      return 'There is no kas at this path: behind GitLab it usually is /-/kubernetes-agent/';
    case 407:
      return 'The proxy wants a user and password: give them in HTTP_PROXY or HTTPS_PROXY as http://user:password@host:port';
    case 400:
    case 405:
    case 426:
      return 'A proxy in between may drop the Upgrade header, or WebSockets are off in kas (agent.listen.websocket)';
    case 429:
      return 'Something in front of kas limits connections; agentk tries again';
    case 502:
    case 503:
    case 504:
      return 'The proxy in front of kas cannot reach kas: check that kas runs and where the proxy looks for it';
    default:
      return contentType.startsWith('text/html')
        ? 'This is the address of a web page: check the path of kas-address, and that proxies pass the Upgrade header on'
        : 'Check that kas-address is that of kas, and that proxies in between pass WebSockets on';
  }
}
