/**
 * One Git port for all kinds of repositories: the location of each question says who answers it, so an agent whose project
 * moved from one kind to another needs no restart.
 */
import type { Git, GitRepository } from '../ports/index.ts';
import { openGitalyGit, type GitalyGitOptions } from './gitaly/index.ts';
import { httpGit } from './http/index.ts';
import { localGit } from './local/index.ts';

/** What the parts need; the limits of each are its own. */
type GitOptions = Omit<GitalyGitOptions, 'limits'>;

export interface OpenGit extends Git {
  /** Closes what is open to other machines. */
  close(): Promise<void>;
}

/** Makes the port; nothing is dialled or read before the first question. */
export async function openGit(options: GitOptions): Promise<OpenGit> {
  const { clock, log } = options;
  const gitaly = await openGitalyGit(options);
  const http = httpGit(options);
  return new GitByLocation({ local: localGit({ clock, log }), gitaly, http }, async () => {
    await Promise.all([gitaly.close(), http.close()]);
  });
}

type Adapters = Readonly<Record<GitRepository['location']['kind'], Git>>;

class GitByLocation implements OpenGit {
  readonly #adapters: Adapters;
  readonly close: () => Promise<void>;

  constructor(adapters: Adapters, close: () => Promise<void>) {
    this.#adapters = adapters;
    this.close = close;
  }

  resolveRef(...question: Parameters<Git['resolveRef']>): ReturnType<Git['resolveRef']> {
    return this.#of(question[0]).resolveRef(...question);
  }
  readFile(...question: Parameters<Git['readFile']>): ReturnType<Git['readFile']> {
    return this.#of(question[0]).readFile(...question);
  }
  listTree(...question: Parameters<Git['listTree']>): ReturnType<Git['listTree']> {
    return this.#of(question[0]).listTree(...question);
  }

  #of({ location }: GitRepository): Git {
    return this.#adapters[location.kind];
  }
}
