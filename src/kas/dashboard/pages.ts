/**
 * The dashboard's pages: files built from `web/`, read once at the first request and answered from memory. They hold
 * nothing of this kas, so anybody may have them; what they show they ask the API for.
 */
import { readdir, readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { extname, join } from 'node:path';

/** Scripts, styles, fonts and data from here and nowhere else, in no frame. */
export const pageSafety = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
} as const;

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};

const bytesMax = 8 * 1024 * 1024;

export const pagesPath = '/dashboard/';

export class Pages {
  readonly #folder: string;
  #files: Promise<ReadonlyMap<string, Buffer>> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** `path` starts with `pagesPath`. */
  async answer(path: string, response: ServerResponse): Promise<void> {
    this.#files ??= readAll(this.#folder);
    const files = await this.#files;
    const name = path.slice(pagesPath.length) || 'index.html';
    const contents = files.get(name);
    if (contents === undefined) {
      this.#files = files.size === 0 ? undefined : this.#files; // not built yet: look again next time
      const text = files.size === 0 ? 'The pages are not built: npm run build\n' : 'No such page\n';
      response.writeHead(404, { ...pageSafety, 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
      return;
    }
    response.writeHead(200, {
      ...pageSafety,
      'Content-Type': contentTypes[extname(name)] ?? 'application/octet-stream',
      // Names of assets hold a hash of their contents.
      'Cache-Control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    response.end(contents);
  }
}

async function readAll(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  let bytes = 0;
  let names: string[];
  try {
    names = await readdir(folder, { recursive: true });
  } catch {
    return files;
  }
  for (const name of names) {
    if (contentTypes[extname(name)] === undefined) continue;
    const contents = await readFile(join(folder, name));
    bytes += contents.length;
    if (bytes > bytesMax) throw new Error(`the pages in ${folder} are larger than ${bytesMax} bytes`);
    files.set(name.replaceAll('\\', '/'), contents);
  }
  return files;
}
