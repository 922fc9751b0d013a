// Compiles src/ and statecharts/ to dist/, declares the types of kastor/testing, takes the drawings of the charts along, builds
// the pages of the dashboard to dist/web, and makes the executables executable.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { declareTesting } from './testing-declarations.ts';

rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
declareTesting('dist');
const drawings = 'src/inspect/charts/gen';
cpSync(drawings, `dist/${drawings}`, { recursive: true });
execFileSync('vite', ['build', '--logLevel', 'warn'], { stdio: 'inherit' });
for (const name of ['kas', 'agentk', 'kastor']) chmodSync(`dist/src/cli/${name}.js`, 0o755);
