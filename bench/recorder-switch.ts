/** Silences the recorders of kas and agentk, and lets them be heard again; somebody may watch while they are heard. */
import { get } from 'node:http';
import type { Target } from './stage.ts';

const watchedPaths = ['/api/stream', '/api/requests/stream'];

export class RecorderSwitch {
  readonly #target: Target;
  readonly #watchedPort: number | undefined;
  #isSilent = false;
  #watchers: (() => void)[] = [];

  /** @param watchedPort of kas's dashboard, when somebody is to watch it */
  constructor(target: Target, watchedPort: number | undefined) {
    this.#target = target;
    this.#watchedPort = watchedPort;
  }

  turn(silent: boolean): void {
    if (silent !== this.#isSilent) for (const hop of this.#target.hops) hop.signal('SIGUSR2');
    this.#isSilent = silent;
    for (const leave of this.#watchers.splice(0)) leave();
    const port = this.#watchedPort;
    if (silent || port === undefined) return;
    this.#watchers = watchedPaths.map((path) => watch(port, path));
  }
}

/** Takes what comes and forgets it. Answers what makes the watcher leave. */
function watch(port: number, path: string): () => void {
  const asked = get({ host: '127.0.0.1', port, path, agent: false }, (answer) => answer.resume());
  asked.on('error', () => {});
  return () => asked.destroy();
}
