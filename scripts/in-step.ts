// Checks that what is generated and committed equals what its source generates now: `generated` (protobuf code) or
// `charts` (pictures of statecharts and the data they are drawn from). Writes into a scratch folder; the checkout is not touched.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const kinds: Record<string, { committed: readonly string[]; make: (out: string) => void; mend: string }> = {
  generated: {
    committed: ['src/protocol/gen'],
    make: (out) => void execFileSync('buf', ['generate', '--output', out], { stdio: 'inherit' }),
    mend: 'npm run generate',
  },
  charts: {
    committed: ['docs/charts', 'src/inspect/charts/gen'],
    make: (out) => void execFileSync('node', ['scripts/charts.ts', out], { stdio: 'inherit' }),
    mend: 'npm run charts',
  },
};

const kind = kinds[process.argv[2] ?? ''];
if (kind === undefined) throw new Error(`usage: in-step ${Object.keys(kinds).join('|')}`);
const scratch = mkdtempSync(join(tmpdir(), 'kastor-in-step-'));
try {
  kind.make(scratch);
  const stale = kind.committed.flatMap((folder) => {
    const fresh = files(join(scratch, folder));
    const committed = files(folder);
    const names = new Set([...fresh.keys(), ...committed.keys()]);
    const different = [...names].filter((name) => fresh.get(name) !== committed.get(name));
    return different.sort().map((name) => `${folder}/${name}`);
  });
  if (stale.length > 0) {
    console.error(`out of step with their source: ${stale.join(', ')}; mend: ${kind.mend}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function files(root: string): Map<string, string> {
  const found = new Map<string, string>();
  if (!existsSync(root)) return found;
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(path.slice(root.length + 1), readFileSync(path, 'utf8'));
  }
  return found;
}
