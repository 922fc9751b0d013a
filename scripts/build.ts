// Compiles src/ and statecharts/ to dist/, takes the drawings of the charts along and makes the executables executable.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
const drawings = 'src/inspect/charts/gen';
cpSync(drawings, `dist/${drawings}`, { recursive: true });
for (const name of ['kas', 'agentk', 'kastor']) chmodSync(`dist/src/cli/${name}.js`, 0o755);
