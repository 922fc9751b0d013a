/** The certificates and secrets the configuration names: readable, of the right form, paired, in date. */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { day, nameOf, namesOf } from '../certificates.ts';
import { doctorLimits } from '../limits.ts';
import type { KasSetUp } from './set-up.ts';

const part = 'files';

export async function examineFiles(setUp: KasSetUp): Promise<void> {
  const { credentials, unusable, report } = setUp;
  const never = new AbortController().signal;
  for (const [key, file] of credentials.files) {
    const verdict = await file.read(never);
    if (verdict.kind === 'accepted') {
      if (!key.endsWith('.certificate_file'))
        report.add({ part, rung: key, verdict: 'good', observed: `${file.files.join(', ')} can be used` });
      continue;
    }
    unusable.add(key);
    const remedy = 'Put the right file there, readable for the user kas runs as';
    report.add({ part, rung: key, verdict: 'bad', observed: verdict.reason, remedy });
  }
  const sections = [
    ['agent.listen', credentials.tls.agents],
    ['agent.kubernetes_api.listen', credentials.tls.kubernetesApi],
    ['observability.listen', credentials.tls.observability],
    ['api.listen', credentials.tls.api],
    ['private_api.listen', credentials.tls.privateApi],
  ] as const;
  for (const [section, pair] of sections) {
    const key = `${section}.certificate_file`;
    if (pair === undefined || unusable.has(key)) continue;
    const certificate = new X509Certificate(pair().cert);
    examineDates(setUp, key, certificate);
    if (section === 'private_api.listen') examineOwnName(setUp, key, certificate);
  }
}

function examineDates({ clock, report }: KasSetUp, rung: string, certificate: X509Certificate): void {
  const { validFromDate, validToDate, subject } = certificate;
  const now = clock.now();
  const dates = `${nameOf(subject)}, for ${namesOf(certificate)}, valid ${day(validFromDate)} to ${day(validToDate)}`;
  if (validToDate.getTime() < now) {
    const remedy = 'Renew the certificate; if it is still valid, the clock of this machine is wrong';
    report.add({ part, rung, verdict: 'bad', observed: `has expired: ${dates}`, remedy });
  } else if (validFromDate.getTime() > now) {
    const remedy = 'The clock of this machine is wrong, or the certificate is for later';
    report.add({ part, rung, verdict: 'bad', observed: `is not valid yet: ${dates}`, remedy });
  } else if (validToDate.getTime() - now < doctorLimits.expiresSoonMs) {
    const remedy = 'Renew it; kas takes a renewed file without a restart';
    report.add({ part, rung, verdict: 'note', observed: `expires soon: ${dates}`, remedy });
  } else {
    report.add({ part, rung, verdict: 'good', observed: dates });
  }
}

/** Other kas verify this name. */
function examineOwnName({ environment, report }: KasSetUp, rung: string, certificate: X509Certificate): void {
  const host = environment['OWN_PRIVATE_API_HOST'] ?? '';
  const isNamed = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
  if (host === '' || isNamed !== undefined) return;
  const observed = `is for ${namesOf(certificate)}, not for OWN_PRIVATE_API_HOST, which is ${host}`;
  const remedy =
    'Other kas will not trust it: name that host in the certificate, or the name in OWN_PRIVATE_API_HOST';
  report.add({ part, rung, verdict: 'bad', observed, remedy });
}
