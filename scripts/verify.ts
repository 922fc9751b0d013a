// The whole law, locally and in CI: format, lint, types, import law and cycles, dead code, generated code and
// charts in step, wire compatibility, tests. Every step runs even when an earlier one failed, so one run tells all.
//
//   npm run verify                       everything
//   npm run verify -- lint types         only the steps whose names contain one of these words
//   npm run verify -- --without tests    all but those
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format', 'oxfmt', '--check'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings'],
  ['types', 'tsc', '-p', 'tsconfig.json'],
  ['types of the pages', 'tsc', '-p', 'web/tsconfig.json'],
  [
    'import law',
    'depcruise',
    '--config',
    '.dependency-cruiser.cjs',
    'src',
    'statecharts',
    'test',
    'bench',
    'scripts',
    'web',
  ],
  ['dead code', 'knip'],
  ['protobuf lint', 'buf', 'lint'],
  ['protobuf breaking changes', 'buf', 'breaking', '--against', 'src/protocol/proto.baseline.binpb'],
  ['generated code in step', 'node', 'scripts/in-step.ts', 'generated'],
  ['charts in step', 'node', 'scripts/in-step.ts', 'charts'],
  ['tests', 'vitest', 'run'],
];

const { values, positionals: only } = parseArgs({
  allowPositionals: true,
  options: { without: { type: 'string', multiple: true, default: [] } },
});
for (const word of [...only, ...values.without]) {
  // A mistyped word must not make a run of nothing that says all is well.
  if (!steps.some(([name]) => name.includes(word))) throw new Error(`verify: no step is called ${word}`);
}
const failed: string[] = [];
for (const [name, command, ...args] of steps) {
  if (only.length > 0 && !only.some((word) => name.includes(word))) continue;
  if (values.without.some((word) => name.includes(word))) continue;
  console.log(`\n== ${name}: ${command} ${args.join(' ')}`);
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error !== undefined) console.error(error.message);
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`\nverify: failed: ${failed.join(', ')}`);
  process.exitCode = 1;
} else {
  console.log('\nverify: everything asked for holds');
}
