/**
 * The certificates a server shows when they are not trusted: seen on a second connection that verifies nothing, says nothing
 * and is closed at once. With them it can be said which authority is missing.
 */
import { climbToKas, type KasTarget, type Sight } from '../../agentk/link/index.ts';
import type { Clock } from '../../ports/index.ts';
import { agentLinkDelays } from '../../../statecharts/index.ts';
import { chainLines, day, missingAuthority } from '../certificates.ts';
import { within } from '../within.ts';

/** Failures whose cause is an authority that is not trusted. */
const untrusted = /^(?:UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|CERT_SIGNATURE|CERT_UNTRUSTED)/;

/** Lines about the chain; none when there is none to be seen. */
export async function untrustedChain(
  target: KasTarget,
  code: string,
  clock: Clock,
): Promise<readonly string[]> {
  const blind: KasTarget = { ...target, tls: { ...target.tls, skipVerify: true } };
  let sight: Extract<Sight, { hop: 'tls' }> | undefined;
  await within(clock, agentLinkDelays.dialMs, async (signal) => {
    const enough = new AbortController();
    const climbed = await climbToKas(blind, AbortSignal.any([signal, enough.signal]), {
      onHop: () => {},
      onRedirected: () => {},
      onSight: (one) => {
        if (one.hop !== 'tls' || one.whose !== 'kas') return;
        sight = one;
        enough.abort();
      },
    });
    if (climbed.kind === 'reached') climbed.value.destroy();
  });
  if (sight === undefined || sight.chain.length === 0) return [];
  return [
    ...chainLines(sight.chain),
    ...(untrusted.test(code) ? [missingAuthority(sight.chain)] : []),
    `the clock of this machine says ${day(new Date(clock.now()))} (UTC)`,
  ];
}
