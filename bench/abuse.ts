/**
 * `node bench/abuse.ts [STORMS]`: how a kas fares while a thousand hostile connections are opened and held and a hundred thousand
 * streams are opened to be reset. Prints one JSON object. The attack is that of `test/system/abuse.test.ts`.
 */
import { sufferAbuse } from '../test/system/abuse.ts';

process.stdout.write(
  `${JSON.stringify(await sufferAbuse(1_000, Number(process.argv[2] ?? 1)), undefined, 2)}\n`,
);
