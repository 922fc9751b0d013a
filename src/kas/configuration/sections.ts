/** What several sections of kas's configuration file share: strict keys, listen addresses, TLS pairs. */
import { z } from 'zod';
import { listenAddressProblem } from '../listen.ts';
import { network, text } from './scalars.ts';

/** A section whose keys are all known; the error says which ones there are. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown key ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}; known here: ${known}`
        : 'expected a section with keys',
  });
}

export const tlsPair = { certificate_file: text(''), key_file: text('') };

interface TlsPairFiles {
  readonly certificate_file: string;
  readonly key_file: string;
}

/** A certificate and its key: both or neither. */
export function checkTlsPair(pair: TlsPairFiles, ctx: z.RefinementCtx): void {
  if ((pair.certificate_file === '') === (pair.key_file === '')) return;
  const missing = pair.certificate_file === '' ? 'certificate_file' : 'key_file';
  ctx.addIssue({
    code: 'custom',
    path: [missing],
    message: 'certificate_file and key_file must be set together or not at all',
  });
}

/** The keys every listening socket has. */
export function listenKeys(address: string) {
  return { network, address: text(address), ...tlsPair };
}

/** An address that can be listened on, and TLS wholly or not at all. */
export function checkListen(
  listen: TlsPairFiles & { readonly network: string; readonly address: string },
  ctx: z.RefinementCtx,
): void {
  const problem = listenAddressProblem(listen.network, listen.address);
  if (problem !== undefined) ctx.addIssue({ code: 'custom', path: ['address'], message: problem });
  checkTlsPair(listen, ctx);
}
