/** What a failed request to GitLab is called, and whether another try may help (`spec/gitlab.md §1.3`). */
import { shownText } from './shown-text.ts';

export interface ExchangeFailure {
  readonly kind: 'failed';
  readonly reason: string;
  readonly again: boolean;
  /** The connection was lost before an answer: it may have been an old one that GitLab had closed meanwhile. */
  readonly isLost?: boolean;
}

/** A certificate is no better the second time. */
const untrusted = /CERT|^ERR_TLS_|^ERR_SSL_|^UNABLE_TO_/;
/** What is wrong with the request itself. */
const unsendable = /^(UND_ERR_INVALID_ARG|UND_ERR_NOT_SUPPORTED|ERR_INVALID_)/;

const lost: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

export function failureOf(error: unknown): ExchangeFailure {
  const code = codeOf(error);
  const text = shownText(error instanceof Error ? error.message : String(error));
  if (untrusted.test(code)) {
    const reason = `the certificate of GitLab is not trusted (${code}); name its authority in gitlab.ca_certificate_file`;
    return { kind: 'failed', reason, again: false };
  }
  const reason = text === '' ? code : text;
  return { kind: 'failed', reason, again: !unsendable.test(code), isLost: lost.has(code) };
}

/** Several addresses of one host failed each in its way: the first is told. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
