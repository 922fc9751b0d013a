// Holds a kas or an agentk, ours or another, given as a command, against the models of their worlds (test/model).
//
//   npm run conformance -- --agentk 'node src/cli/agentk.ts'
//   npm run conformance -- --kas 'node src/cli/kas.ts'
//
// The command is run by a shell with the flags and the configuration file of the originals. Time is that of the wall:
//
//   --slow         also what takes minutes: silence, refusals, a kas that slams its door
//   --only TEXT    paths whose names contain it
import { parseArgs } from 'node:util';
import type { AnyStateMachine } from 'xstate';
import { pathsOf, playPath, type ChartPath, type Play } from '../src/testing/index.ts';
import { commandAgent } from '../test/model/agent-command.ts';
import { agentModel } from '../test/model/agent-model.ts';
import { playAgent } from '../test/model/agent-play.ts';
import { commandKas } from '../test/model/kas-command.ts';
import { kasModel } from '../test/model/kas-model.ts';
import { playKas } from '../test/model/kas-play.ts';

interface Played {
  readonly play: Play;
  readonly log: () => string;
  dispose(): Promise<void>;
}

/** What takes more than a few seconds by the wall. */
const slow = /goesSilent|slams|mutes|revoked|timesOut/;

const { values } = parseArgs({
  options: {
    kas: { type: 'string' },
    agentk: { type: 'string' },
    slow: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});
if (values.kas === undefined && values.agentk === undefined)
  throw new Error("conformance: say what to run, as --kas 'COMMAND' or --agentk 'COMMAND'");

const failed: string[] = [];
let held = 0;

async function hold(whose: string, model: AnyStateMachine, begin: () => Promise<Played>): Promise<void> {
  const paths = pathsOf(model).filter(
    ({ name }) => name.includes(values.only) && (values.slow || !slow.test(name)),
  );
  for (const path of paths) await meet(whose, path, begin);
}

async function meet(whose: string, path: ChartPath, begin: () => Promise<Played>): Promise<void> {
  const began = performance.now();
  const told = (word: string) =>
    console.log(`${word} ${whose}: ${path.name} (${((performance.now() - began) / 1_000).toFixed(1)} s)`);
  const subject = await begin();
  try {
    await playPath(path, subject.play);
    held += 1;
    told('holds');
  } catch (error) {
    failed.push(`${whose}: ${error instanceof Error ? error.message : String(error)}`);
    told('FAILS');
    console.log(
      `      ${failed.at(-1)}\n      it said last:\n${subject.log().split('\n').slice(-10).join('\n')}`,
    );
  } finally {
    await subject.dispose();
  }
}

const { kas, agentk } = values;
if (agentk !== undefined)
  await hold('agentk', agentModel, async () => {
    const scene = await commandAgent(agentk);
    return { play: playAgent(scene), log: scene.log, dispose: () => scene.dispose() };
  });
if (kas !== undefined)
  await hold('kas', kasModel, async () => {
    const subject = await commandKas(kas);
    return { play: playKas(subject), log: subject.log, dispose: () => subject.dispose() };
  });

console.log(`\nconformance: ${held} paths hold, ${failed.length} do not`);
if (failed.length > 0) process.exitCode = 1;
process.exit();
