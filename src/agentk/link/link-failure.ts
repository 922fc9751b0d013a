/**
 * Why there is no connection to kas, told by the hop that failed: the ladder DNS, TCP, proxy, TLS, upgrade, HTTP/2. The
 * union is for programs, {@link describe} for people: what happened, and how to mend it (`spec/users.md` E38–E41).
 *
 * Words of the other end are hostile: they are bounded, and shown without control characters. Credentials never come here.
 */
import type { UnexpectedAnswer } from '../../pipe/websocket/index.ts';
import { osRemedies, tlsRemedy, upgradeRemedy } from './remedies.ts';

/** What is being waited for: the rungs of the ladder in order. */
export type Hop = 'tcp' | 'proxy' | 'tls' | 'upgrade' | 'http2';

/** Whose name or address it is. */
export type Whose = 'kas' | 'proxy';

export type LinkFailure =
  /** The settings themselves, before anything is asked of the network. */
  | { readonly hop: 'settings'; readonly message: string }
  | { readonly hop: 'dns'; readonly whose: Whose; readonly host: string; readonly code: string }
  | { readonly hop: 'tcp'; readonly whose: Whose; readonly message: string; readonly code: string }
  | { readonly hop: 'proxy'; readonly proxy: string; readonly problem: ProxyProblem }
  | {
      readonly hop: 'tls';
      readonly whose: Whose;
      readonly peer: string;
      readonly code: string;
      readonly message: string;
      /** What was offered by ALPN: HTTP/2, or nothing for a WebSocket. */
      readonly http2: boolean;
    }
  | { readonly hop: 'upgrade'; readonly address: string; readonly problem: UpgradeProblem }
  | { readonly hop: 'http2'; readonly problem: Http2Problem; readonly webSocket: boolean }
  /** Nobody answered in time. */
  | { readonly hop: 'silence'; readonly at: Hop | 'keepalive' };

export type ProxyProblem =
  | { readonly kind: 'refused'; readonly status: number; readonly words: string }
  | { readonly kind: 'broken'; readonly message: string };

export type UpgradeProblem =
  | { readonly kind: 'answered'; readonly answer: UnexpectedAnswer }
  | { readonly kind: 'broken'; readonly message: string };

export type Http2Problem =
  /** The connection ended before kas's settings came. */
  | { readonly kind: 'no-settings'; readonly message: string }
  /** kas said goodbye. */
  | { readonly kind: 'farewell'; readonly message: string }
  /** A connection that was up is lost. */
  | { readonly kind: 'lost'; readonly message: string };

export interface Described {
  readonly reason: string;
  readonly remedy: string;
}

/** The failure in words. */
export function describe(failure: LinkFailure): Described {
  switch (failure.hop) {
    case 'settings':
      return { reason: shown(failure.message), remedy: 'Mend the setting; agentk tries again by itself' };
    case 'dns':
      return {
        reason: `DNS: the name ${shown(failure.host)} of ${owner(failure.whose)} cannot be resolved (${failure.code})`,
        remedy: osRemedies[failure.code] ?? 'Check the name, and the DNS settings of the pod',
      };
    case 'tcp':
      return {
        reason: `TCP: ${shown(failure.message)}`,
        remedy: osRemedies[failure.code] ?? `Check host and port of ${owner(failure.whose)}`,
      };
    case 'proxy':
      return proxyWords(failure.proxy, failure.problem);
    case 'tls':
      return {
        reason: `TLS with ${owner(failure.whose)} ${shown(failure.peer)}: ${shown(failure.message)}`,
        remedy: tlsRemedy(failure),
      };
    case 'upgrade':
      return upgradeWords(failure.address, failure.problem);
    case 'http2':
      return http2Words(failure.problem, failure.webSocket);
    case 'silence':
      return silences[failure.at];
  }
}

function proxyWords(proxy: string, problem: ProxyProblem): Described {
  if (problem.kind === 'broken') {
    const reason = `Proxy ${shown(proxy)}: ${shown(problem.message)}`;
    return { reason, remedy: 'Check that HTTPS_PROXY or HTTP_PROXY names an HTTP proxy that allows CONNECT' };
  }
  const words = problem.words === '' ? '' : ` ${shown(problem.words)}`;
  const remedies: Readonly<Record<number, string>> = {
    403: 'The proxy forbids this destination: have it allow CONNECT to the host and port of kas-address, or add the host to NO_PROXY',
    407: 'The proxy wants a user and password: give them in HTTPS_PROXY as http://user:password@host:port',
    502: 'The proxy cannot reach kas: check kas-address and the network of the proxy',
    503: 'The proxy cannot reach kas: check kas-address, also whether the proxy can resolve its name',
    504: 'The proxy cannot reach kas in time: check kas-address and the network of the proxy',
  };
  return {
    reason: `Proxy ${shown(proxy)} refused to connect: ${problem.status}${words}`,
    remedy: remedies[problem.status] ?? 'Have the proxy allow CONNECT to the host and port of kas-address',
  };
}

function upgradeWords(address: string, problem: UpgradeProblem): Described {
  if (problem.kind === 'broken') {
    const reason = `Upgrade to a WebSocket: ${shown(problem.message)}`;
    return {
      reason,
      remedy: 'Check that kas-address is that of kas, and that proxies in between pass WebSockets on',
    };
  }
  const { answer } = problem;
  const from = answer.server === '' ? '' : ` from ${shown(answer.server)}`;
  const to = answer.location === undefined ? '' : ` to ${shown(answer.location)}`;
  return {
    reason: `Upgrade to a WebSocket: ${shown(address)} answered ${answer.status}${to}${from}${bodyWords(answer)}`,
    remedy: upgradeRemedy(answer),
  };
}

/** A plain text says what is wrong; of a page only that it is one. */
function bodyWords({ contentType, body }: UnexpectedAnswer): string {
  if (contentType.startsWith('text/html') || /^\s*</.test(body)) return ' with an HTML page';
  const line = body.trim().split('\n', 1)[0] ?? '';
  return line === '' ? '' : `: ${shown(line)}`;
}

function http2Words(problem: Http2Problem, webSocket: boolean): Described {
  if (problem.kind === 'farewell') {
    return { reason: `kas ended the connection: ${shown(problem.message)}`, remedy: '' };
  }
  if (problem.kind === 'lost') {
    return {
      reason: `the connection was lost: ${shown(problem.message)}`,
      remedy:
        'If this comes at regular times, something in between cuts idle connections: it must allow 60 s and more',
    };
  }
  return {
    reason: `HTTP/2: what answers does not speak it: ${shown(problem.message)}`,
    remedy: webSocket
      ? 'The WebSocket leads to something that is not kas: check kas-address'
      : 'A server or proxy in between speaks only HTTP/1.1, or the port is not that of agents: check kas-address; ' +
        'through such a proxy use wss:// (or ws://) with agent.listen.websocket switched on in kas',
  };
}

const silences: Readonly<Record<Hop | 'keepalive', Described>> = {
  tcp: {
    reason: 'kas did not accept the connection in time',
    remedy: osRemedies['ETIMEDOUT'] ?? '',
  },
  proxy: {
    reason: 'the proxy did not answer in time',
    remedy: 'Check HTTPS_PROXY or HTTP_PROXY, and whether the proxy can reach kas',
  },
  tls: {
    reason: 'kas did not answer the TLS handshake in time',
    remedy:
      'Something in between may swallow TLS, or the port does not speak it: check scheme and port of kas-address',
  },
  upgrade: {
    reason: 'kas did not answer the upgrade to a WebSocket in time',
    remedy: 'A proxy in between may not reach kas, or does not know WebSockets',
  },
  http2: {
    reason: 'kas did not answer the HTTP/2 handshake in time',
    remedy: 'Something in between may not pass HTTP/2 on: check kas-address, or use wss:// (or ws://)',
  },
  keepalive: {
    reason: 'kas did not answer a keepalive ping in time',
    remedy: 'The network may have lost the connection without a word; agentk makes a new one',
  },
};

function owner(whose: Whose): string {
  return whose === 'kas' ? 'kas' : 'the proxy';
}

/** Bounded, no control characters. */
function shown(text: string): string {
  return text.slice(0, 300).replace(/[^\x20-\x7e]/g, '?');
}
