// Runs of kas and agentk over real node:http2 on simulated connections, by seed (docs/models.md).
//
//   npm run simulate:wire                       seeds 1 to 30
//   npm run simulate:wire -- --seeds 100-200    others
//   npm run simulate:wire -- --calls            our gRPC against grpc-js instead
//   npm run simulate:wire -- --bug NAME         with a bug planted (src/sim/wire/named-bugs.ts): the runs should fail
//   npm run simulate:wire -- --seed 47 --trace  one, with everything that happened
import { parseArgs } from 'node:util';
import { namedBugs, runWire, type BugName, type WireOutcome } from '../src/sim/wire/index.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '1-30' },
    bug: { type: 'string' },
    calls: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
  },
});

const isBug = (name: string): name is BugName => name in namedBugs;
const { bug } = values;
if (bug !== undefined && !isBug(bug))
  throw new Error(`no such bug; there are: ${Object.keys(namedBugs).join(', ')}`);
const scenario =
  values.calls || (bug !== undefined && namedBugs[bug].scenario === 'calls') ? 'calls' : 'programs';

const [first = 1, last = first] = (values.seed ?? values.seeds).split('-').map(Number);
const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);

function show({ seed, weather, hash, steps, simulatedMs, endings, failure, plan, lines }: WireOutcome): void {
  const ended = Object.entries(endings).map(([how, count]) => `${how} ${count}`);
  const verdict = failure === undefined ? 'ok' : `FAILED ${failure.id}: ${failure.text}`;
  const seconds = Math.round(simulatedMs / 1_000);
  console.log(
    `seed ${seed} ${weather} ${hash} ${steps} steps, ${seconds} s simulated; ${ended.join(', ')}: ${verdict}`,
  );
  if (failure === undefined && !values.trace) return;
  console.log(JSON.stringify(plan));
  for (const line of lines) console.log(line);
}

const failed: number[] = [];
for await (const outcome of runWire({ scenario, bug, seeds, wholeTrace: values.trace })) {
  show(outcome);
  if (outcome.failure !== undefined) failed.push(outcome.seed);
}
console.log(failed.length === 0 ? `${seeds.length} seeds hold` : `failing seeds: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
