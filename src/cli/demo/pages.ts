/**
 * The pages of the dashboard for `kastor start`. Installed, they come with the program; in a checkout they are built from `web/`
 * into the data folder, again only when something they are made of has changed.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Pages =
  /** kas finds them itself. */
  | { readonly kind: 'shipped' }
  | { readonly kind: 'built'; readonly folder: string }
  /** There will be none; why, in words. */
  | { readonly kind: 'missing'; readonly reason: string };

const buildMsMax = 60_000;

export async function preparePages(folder: string): Promise<Pages> {
  if (!import.meta.url.endsWith('.ts')) return { kind: 'shipped' };
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const vite = join(root, 'node_modules/.bin/vite');
  if (!existsSync(vite)) return { kind: 'missing', reason: 'vite is not installed: npm ci' };
  const madeFrom = ['web', 'src/inspect/charts', 'src/kas/dashboard', 'vite.config.ts'];
  const changed = await Promise.all(madeFrom.map((path) => newest(join(root, path))));
  const built = await newest(join(folder, 'index.html'));
  if (built > Math.max(...changed)) return { kind: 'built', folder };
  const reason = await run(vite, ['build', '--logLevel', 'error', '--outDir', folder, '--emptyOutDir'], root);
  return reason === undefined ? { kind: 'built', folder } : { kind: 'missing', reason };
}

/** When the newest file in there was changed; 0 if there is none. */
async function newest(path: string): Promise<number> {
  try {
    const { mtimeMs } = await stat(path);
    const names = await readdir(path, { recursive: true }).catch(() => []);
    const times = await Promise.all(names.map(async (name) => (await stat(join(path, name))).mtimeMs));
    return Math.max(mtimeMs, ...times);
  } catch {
    return 0;
  }
}

/** Undefined when it went well, else what it said. */
function run(command: string, args: readonly string[], cwd: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], timeout: buildMsMax });
    let said = '';
    child.stderr.on('data', (text: Buffer) => (said += text.toString()));
    child.once('error', ({ message }) => resolve(message));
    child.once('close', (code) =>
      resolve(code === 0 ? undefined : said.trim().slice(0, 2_000) || `exit code ${code}`),
    );
  });
}
