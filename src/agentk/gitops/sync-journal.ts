/** What operators read of a run: the lines of the originals where people search for them (`spec/agentk.md §5.3`, §5.13), as log fields. */
import type { Log } from '../../ports/index.ts';
import type { SyncEvent, SyncResult } from './sync.ts';
import { idText } from './object-id.ts';

export class SyncJournal {
  readonly #log: Log;
  readonly #isAgain: boolean;

  /** `isAgain`: the same deletions of the same commit were held the time before, and it was said. */
  constructor(log: Log, projectId: string, isAgain: boolean) {
    this.#log = log.child({ worker_id: projectId });
    this.#isAgain = isAgain;
    if (isAgain) this.#log.debug('Synchronizing objects');
    else this.#log.info('Synchronizing objects');
  }

  note(event: SyncEvent): void {
    switch (event.type) {
      case 'phase':
      case 'status':
        return;
      case 'group':
        this.#log.debug(`${event.action} ${event.status.toLowerCase()}`, { ...event.counts });
        return;
      case 'warning':
        this.#log.warn('Synchronization', { reason: event.reason });
        return;
      case 'apply':
      case 'prune':
      case 'wait': {
        const said = { object: idText(event.id), status: event.status, reason: event.error };
        if (event.status === 'Failed' || event.status === 'Timeout') this.#log.error(event.type, said);
        else if (event.status === 'Skipped') this.#log.warn(event.type, said);
        else this.#log.debug(event.type, said);
      }
    }
  }

  end(commitId: string, result: SyncResult): void {
    const said = { commit_id: commitId, ...(result.kind === 'cancelled' ? {} : result.counts) };
    if (result.kind === 'synced') this.#log.info('Objects synchronized', said);
    else if (result.kind === 'cancelled') this.#log.info('Synchronization was canceled', said);
    else if (result.kind === 'held' && this.#isAgain) {
      this.#log.debug('Objects synchronized, deletions are still held', said);
    } else if (result.kind === 'held') {
      this.#log.warn('Objects synchronized, deletions are held', { ...said, reason: result.reason });
    } else this.#log.warn('Synchronization failed', { ...said, reason: result.reason });
  }
}
