/** Certificates as people compare them: whose, by whom, for which names, from when to when. */
import type { X509Certificate } from 'node:crypto';

/** One line per certificate, the server's own first. */
export function chainLines(chain: readonly X509Certificate[]): readonly string[] {
  return chain.map(
    (one, index) =>
      `${index}: ${nameOf(one.subject)}, issued by ${nameOf(one.issuer)}, valid ${day(one.validFromDate)} to ${day(one.validToDate)}` +
      (index === 0 ? `, for ${namesOf(one)}` : ''),
  );
}

/** Which authority would make the chain trusted. */
export function missingAuthority(chain: readonly X509Certificate[]): string {
  const last = chain.at(-1);
  if (last === undefined) return 'no certificate was sent';
  return last.issuer === last.subject
    ? `the chain ends in ${nameOf(last.subject)}, which signed itself: that certificate has to be trusted`
    : `the chain ends at ${nameOf(last.subject)}: the certificate of its issuer, ${nameOf(last.issuer)}, has to be trusted`;
}

/** The subject's common name, or all of it on one line. */
export function nameOf(distinguishedName: string): string {
  return /^CN=(.*)$/m.exec(distinguishedName)?.[1] ?? distinguishedName.replaceAll('\n', ', ');
}

export function namesOf({ subjectAltName }: X509Certificate): string {
  return subjectAltName?.replaceAll('DNS:', '').replaceAll('IP Address:', '') ?? 'no names';
}

export function day(date: Date): string {
  return Number.isNaN(date.getTime())
    ? 'an unreadable date'
    : date.toISOString().slice(0, 16).replace('T', ' ');
}
