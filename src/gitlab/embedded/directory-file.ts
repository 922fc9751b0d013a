/**
 * The directory file as a resource: reads it, keeps the last good directory and knows what is wrong with the newer one.
 * When to read is decided by `statecharts/watched-files.ts`.
 *
 * 1. A reading that was given up (deadline, stop) changes nothing when it ends after all.
 * 2. The signature is taken before the reading, so a change during it is noticed after it.
 * 3. An empty file is a writer at work, not an empty directory.
 */
import { open, stat } from 'node:fs/promises';
import { load, YAMLException } from 'js-yaml';
import type { Log } from '../../ports/index.ts';
import type { FilesVerdict } from '../../../statecharts/index.ts';
import { filesSignature, type WatchedResource } from '../../files/index.ts';
import { buildDirectory, type Directory, type DirectoryOutcome } from './directory.ts';
import { type Problem, problemLines } from './directory-error.ts';
import { checkForm } from './directory-schema.ts';
import { embeddedLimits } from './limits.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

export class DirectoryFileResource implements WatchedResource {
  readonly file: string;
  readonly files: readonly string[];
  /** What is in force; undefined until a first good file was read. */
  directory: Directory | undefined;
  /** What is wrong with the file as it is now; empty when it is in force. */
  problems: readonly Problem[] = [];
  /** What looks wrong but does not keep the file from being used. */
  warnings: readonly Problem[] = [];
  readonly #log: Log;
  readonly #onChanged: (directory: Directory) => void;
  #readSignature = '';

  constructor(file: string, log: Log, onChanged: (directory: Directory) => void) {
    this.file = file;
    this.files = [file];
    this.#log = log;
    this.#onChanged = onChanged;
  }

  wasRead(signature: string): boolean {
    return signature === this.#readSignature;
  }

  /** Reads the file, and puts it in force when it is good. */
  async read(signal: AbortSignal): Promise<FilesVerdict> {
    const signature = await filesSignature(this.files); // 2
    const outcome = await readDirectory(this.file);
    const warnings = outcome.kind === 'ok' ? await missingRepositories(outcome.directory) : [];
    signal.throwIfAborted(); // 1
    this.#readSignature = signature;
    return outcome.kind === 'ok' ? this.#accept(outcome.directory, warnings) : this.#reject(outcome.problems);
  }

  #accept(directory: Directory, warnings: readonly Problem[]): FilesVerdict {
    const again = this.directory !== undefined;
    this.directory = directory;
    this.problems = [];
    this.warnings = warnings;
    this.#log.info(again ? 'Directory file reloaded' : 'Directory file loaded', {
      file: this.file,
      agents: directory.agentsById.size,
      projects: directory.projectsById.size,
      users: directory.usersById.size,
      jobs: directory.jobsByTokenHash.size,
    });
    for (const line of problemLines(warnings)) {
      this.#log.warn('Directory file may need a look', { file: this.file, problem: line });
    }
    this.#onChanged(directory);
    return { kind: 'accepted' };
  }

  #reject(problems: readonly Problem[]): FilesVerdict {
    this.problems = problems;
    const lines = problemLines(problems);
    const consequence =
      this.directory === undefined ? 'nothing is in force' : 'the last good one stays in force';
    for (const line of lines) {
      this.#log.error(`Directory file cannot be used; ${consequence}`, { file: this.file, problem: line });
    }
    return { kind: 'rejected', reason: lines.join('; ') };
  }
}

async function readDirectory(file: string): Promise<DirectoryOutcome> {
  const contents = await readBytes(file);
  if (contents.kind === 'invalid') return contents;
  let text: string;
  try {
    text = utf8.decode(contents.bytes);
  } catch {
    return invalid('file is not valid UTF-8');
  }
  if (text.trim() === '') return invalid('file is empty; write at least "agents: []" and "projects: []"'); // 3
  let document: unknown;
  try {
    document = load(text, { maxDepth: 20, maxAliases: 1_000 });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const place =
      error.mark === undefined ? '' : `line ${error.mark.line + 1}, column ${error.mark.column + 1}: `;
    return invalid(`not YAML: ${place}${error.reason}`);
  }
  const form = checkForm(document);
  return form.kind === 'ok' ? buildDirectory(form.file, file) : form;
}

async function readBytes(
  file: string,
): Promise<
  { readonly kind: 'ok'; readonly bytes: Buffer } | (DirectoryOutcome & { readonly kind: 'invalid' })
> {
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      if (size > embeddedLimits.fileBytesMax) {
        return invalid(`file has ${size} bytes, at most ${embeddedLimits.fileBytesMax} are read`);
      }
      return { kind: 'ok', bytes: await handle.readFile() };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    return invalid(
      error.code === 'ENOENT' ? 'file does not exist' : `file cannot be read (${String(error.code)})`,
    );
  }
}

function invalid(text: string): DirectoryOutcome & { readonly kind: 'invalid' } {
  return { kind: 'invalid', problems: [{ path: '', text }] };
}

async function missingRepositories(directory: Directory): Promise<Problem[]> {
  const missing: Problem[] = [];
  for (const { path, repository } of directory.projectsById.values()) {
    if (repository.location.kind !== 'local') continue;
    const { gitDir } = repository.location;
    const there = await stat(gitDir).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!there)
      missing.push({
        path: `project ${path}`,
        text: `there is no repository at ${gitDir}; make it with git init --bare`,
      });
  }
  return missing;
}
