/** The authorities every TLS client of the process trusts: the system's, as `SSL_CERT_FILE` and `SSL_CERT_DIR` say. */
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/**
 * Once at the start of a process, before anything dials. Node would trust the list it was built with; operators expect
 * the system's (`spec/kas.md §1.2`), which is also the only way to trust an authority of Gitaly. Without any system list, as
 * in bare containers, Node's stays.
 */
export function trustSystemAuthorities(): void {
  const system = getCACertificates('system');
  if (system.length === 0) return;
  setDefaultCACertificates([...new Set([...system, ...getCACertificates('extra')])]);
}
