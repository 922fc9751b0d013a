/**
 * One Git port for all kinds of repositories: the location of each question says who answers it, so an agent whose project
 * moved from one kind to another needs no restart.
 */
import type { Git, GitRepository } from '../ports/index.ts';
import { openGitalyGit, type GitalyGitOptions } from './gitaly/index.ts';
import { httpGit } from './http/index.ts';
import { localGit, RefNews } from './local/index.ts';

/** What the parts need; the limits of each are its own. */
type GitOptions = Omit<GitalyGitOptions, 'limits'>;

export interface OpenGit extends Git {
  /**
   * Calls `heard` soon after a ref of the repository changed where that can be known without asking (on this disk), until the
   * answered function is called. A hint: nobody may rely on it.
   */
  watchRefs(repository: GitRepository, heard: () => void): () => void;
  /** Closes what is open to other machines. */
  close(): Promise<void>;
}

/** Makes the port; nothing is dialled or read before the first question. */
export async function openGit(options: GitOptions): Promise<OpenGit> {
  const { clock, log } = options;
  const gitaly = await openGitalyGit(options);
  const http = httpGit(options);
  const news = new RefNews({ clock, log });
  return new GitByLocation({ local: localGit({ clock, log }), gitaly, http }, news, async () => {
    news.close();
    await Promise.all([gitaly.close(), http.close()]);
  });
}

type Adapters = Readonly<Record<GitRepository['location']['kind'], Git>>;

class GitByLocation implements OpenGit {
  readonly #adapters: Adapters;
  readonly #news: RefNews;
  readonly close: () => Promise<void>;

  constructor(adapters: Adapters, news: RefNews, close: () => Promise<void>) {
    this.#adapters = adapters;
    this.#news = news;
    this.close = close;
  }

  resolveRef(...question: Parameters<Git['resolveRef']>): ReturnType<Git['resolveRef']> {
    return this.#of(question[0]).resolveRef(...question);
  }
  readFile(...question: Parameters<Git['readFile']>): ReturnType<Git['readFile']> {
    return this.#of(question[0]).readFile(...question);
  }
  readFiles(...question: Parameters<Git['readFiles']>): ReturnType<Git['readFiles']> {
    return this.#of(question[0]).readFiles(...question);
  }
  listTree(...question: Parameters<Git['listTree']>): ReturnType<Git['listTree']> {
    return this.#of(question[0]).listTree(...question);
  }

  watchRefs({ location }: GitRepository, heard: () => void): () => void {
    return location.kind === 'local' ? this.#news.listen(location.gitDir, heard) : () => {};
  }

  #of({ location }: GitRepository): Git {
    return this.#adapters[location.kind];
  }
}
