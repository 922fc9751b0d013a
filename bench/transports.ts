/**
 * What the way from agentk to kas costs: native HTTP/2 against WebSockets, plain and with TLS, with the native addon
 * `bufferutil` and without. Run: `node bench/transports.ts [--quick]`. Measured in turns, medians of the rounds.
 */
import { parseArgs } from 'node:util';
import { measureBody, measureSmall } from './measure.ts';
import { Parts } from './processes.ts';
import { Stage, type Transport } from './stage.ts';

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const mb = 1024 * 1024;
const scale = options.quick
  ? { rounds: 1, warmSeconds: 2, seconds: 1, bytes: 64 * mb }
  : { rounds: 5, warmSeconds: 6, seconds: 2, bytes: 128 * mb };

const transports = {
  grpc: { scheme: 'grpc' },
  ws: { scheme: 'ws' },
  'ws, no bufferutil': { scheme: 'ws', env: { WS_NO_BUFFER_UTIL: '1' } },
  grpcs: { scheme: 'grpcs' },
  wss: { scheme: 'wss' },
} as const satisfies Record<string, Transport>;

const columns = [
  'p50 ms c1',
  'req/s c16',
  'kas µs',
  'agentk µs',
  'MB/s down',
  'kas ms/MB',
  'agentk ms/MB',
  'MB/s up',
];

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

const parts = new Parts();
process.once('exit', () => parts.killAll());
const stage = await Stage.open(parts);
try {
  const targets = await stage.over(transports);
  const rows = new Map<string, number[][]>();
  for (const target of targets.values()) await measureSmall(parts, target, 16, scale.warmSeconds);
  for (let round = 1; round <= scale.rounds; round++) {
    process.stderr.write(`round ${round} of ${scale.rounds}\n`);
    for (const [name, target] of targets) {
      const one = await measureSmall(parts, target, 1, scale.seconds);
      const many = await measureSmall(parts, target, 16, scale.seconds);
      const down = await measureBody(parts, target, 'down', scale.bytes);
      const up = await measureBody(parts, target, 'up', scale.bytes);
      const cpu = [...many.cpuMicrosPerRequest].map((value) => value ?? Number.NaN);
      const bulk = [...down.cpuMsPerMb].map((value) => value ?? Number.NaN);
      const row = [one.p50Ms, many.rps, ...cpu, down.mbPerSecond, ...bulk, up.mbPerSecond];
      rows.set(name, [...(rows.get(name) ?? []), row]);
    }
  }
  console.log(`Node ${process.version}; medians of ${scale.rounds} rounds; bodies of ${scale.bytes / mb} MB`);
  console.log(`${''.padEnd(20)}${columns.map((column) => column.padStart(14)).join('')}`);
  for (const [name, rounds] of rows) {
    const cells = columns.map((_, i) => median(rounds.map((row) => row[i] ?? Number.NaN)));
    console.log(`${name.padEnd(20)}${cells.map((cell) => cell.toPrecision(3).padStart(14)).join('')}`);
  }
} finally {
  await parts.endAll();
  await stage.close();
}
