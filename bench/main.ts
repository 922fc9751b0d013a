/**
 * `npm run bench`: what requests through kas and agentk cost on this machine, measured in one run against two bare proxies
 * in a row. Options: `--json FILE` writes the figures as `[{name, value, unit}]`, `--quick` takes less than a minute
 * instead of five and is only good for a first look. Exits with 0 also when a goal is missed: a benchmark is no test.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { figuresOf, verdictsOn } from './figures.ts';
import { Parts } from './processes.ts';
import { runBenchmark, scales } from './run.ts';
import { renderTable } from './table.ts';

const { values: options } = parseArgs({
  options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
});

const parts = new Parts();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    parts.killAll();
    process.exitCode = 130;
  });
}
process.once('exit', () => parts.killAll());

const started = performance.now();
const tell = (what: string) => {
  const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(3);
  process.stderr.write(`${seconds} s  ${what}\n`);
};
try {
  const results = await runBenchmark(parts, scales[options.quick ? 'quick' : 'full'], tell);
  const figures = figuresOf(results);
  process.stdout.write(`Node ${process.version}, ${availableParallelism()} processors\n`);
  process.stdout.write(renderTable(figures, verdictsOn(figures)));
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(figures, undefined, 2)}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode ||= 1;
}
