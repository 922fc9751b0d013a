/** Where other kas would find this one, and whether that name exists. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ownPrivateApiUrl } from '../../kas/index.ts';
import { doctorLimits } from '../limits.ts';
import { late, within } from '../within.ts';
import type { KasSetUp } from './set-up.ts';

export async function examineOwnUrl({ configuration, environment, clock, report }: KasSetUp): Promise<void> {
  const { private_api: privateApi } = configuration;
  if (privateApi === undefined) return;
  const [part, rung] = ['own URL', 'OWN_PRIVATE_API_*'];
  const interfaces = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const own = ownPrivateApiUrl({
    environment,
    listen: privateApi.listen,
    interfaces: interfaces.map(({ address }) => address),
  });
  if (own.kind === 'invalid') {
    const remedy = 'Set the variable where kas runs; kas does not start without';
    report.add({ part, rung, verdict: 'bad', observed: own.reason, remedy });
    return;
  }
  const host = URL.parse(own.url)?.hostname.replace(/^\[|\]$/g, '') ?? '';
  if (own.url.startsWith('unix') || host === '' || isIP(host) !== 0) {
    report.add({ part, rung, verdict: 'good', observed: own.url });
    return;
  }
  const found = await within(clock, doctorLimits.dnsMs, () =>
    lookup(host, { all: true }).catch((error: NodeJS.ErrnoException) => error.code ?? 'unknown'),
  );
  if (found === late || typeof found === 'string') {
    const observed = `${own.url}: the name ${host} cannot be resolved (${found === late ? 'no answer' : found})`;
    const remedy = 'Other kas dial this name: give it an address in DNS, or use an address in the URL';
    report.add({ part, rung, verdict: 'bad', observed, remedy });
  } else {
    const observed = `${own.url}, ${host} is ${found.map(({ address }) => address).join(', ')}`;
    report.add({ part, rung, verdict: 'good', observed });
  }
}
