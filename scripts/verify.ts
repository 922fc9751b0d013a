// The whole law, locally and in CI: format, lint, types, import law and cycles, dead code, generated code and
// charts in step, wire compatibility, tests. Every step runs even when an earlier one failed, so one run tells all.
import { spawnSync } from 'node:child_process';

const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format', 'oxfmt', '--check'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings'],
  ['types', 'tsc', '-p', 'tsconfig.json'],
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
  ],
  ['dead code', 'knip'],
  ['protobuf lint', 'buf', 'lint'],
  ['protobuf breaking changes', 'buf', 'breaking', '--against', 'src/protocol/proto.baseline.binpb'],
  ['generated code in step', 'node', 'scripts/in-step.ts', 'generated'],
  ['charts in step', 'node', 'scripts/in-step.ts', 'charts'],
  ['tests', 'vitest', 'run'],
];

const only = process.argv.slice(2);
const failed: string[] = [];
for (const [name, command, ...args] of steps) {
  if (only.length > 0 && !only.some((word) => name.includes(word))) continue;
  console.log(`\n== ${name}: ${command} ${args.join(' ')}`);
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`\nverify: failed: ${failed.join(', ')}`);
  process.exitCode = 1;
} else {
  console.log('\nverify: everything holds');
}
