// Compiles src/ and statecharts/ to dist/ and makes the executables executable.
import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
for (const name of ['kas', 'agentk', 'kastor']) chmodSync(`dist/src/cli/${name}.js`, 0o755);
