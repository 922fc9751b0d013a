/**
 * What the operator reads about the connection to kas: one line per change, not one per try. A refusal says which side
 * is wrong and how to mend it (`spec/users.md` A4, E41).
 */
import type { Log } from '../../ports/index.ts';
import { StatusCode, statusName } from '../../protocol/index.ts';
import { linkRefusedMs } from '../../../statecharts/index.ts';
import { OncePerChange } from '../once-per-change.ts';
import type { Described } from './link-failure.ts';

/** What to do about a refusal of kas. */
export const refusalRemedies: Readonly<Partial<Record<StatusCode, string>>> = {
  [StatusCode.Unauthenticated]:
    'kas answers, but GitLab does not accept the agent token: it is wrong, was revoked, or belongs to another GitLab. ' +
    'Mend: create a token for this agent in GitLab, put it into the secret agentk reads, and restart agentk',
  [StatusCode.PermissionDenied]:
    'kas answers and GitLab knows the token, but forbids its use. Mend: check in GitLab that the agent, its project ' +
    'and the user who made it are active and that the agent feature is enabled there',
  [StatusCode.NotFound]:
    'kas answers, but GitLab has no agent for this token: it was deleted, or kas-address points to the kas of another ' +
    'GitLab. Mend: check kas-address, or register the agent again and use its new token',
};

export class LinkJournal {
  readonly #log: Log;
  readonly #address: string;
  readonly #said = new OncePerChange();

  constructor(log: Log, address: string) {
    this.#log = log;
    this.#address = address;
  }

  connected(incarnation: number): void {
    this.#say('info', 'connected', 'Connected to kas', { incarnation });
  }

  lost({ reason, remedy }: Described): void {
    const fields = remedy === '' ? { reason } : { reason, remedy };
    this.#say('warn', `lost ${reason}`, 'No connection to kas, trying again', fields);
  }

  redirected(to: string): void {
    this.#log.info('kas-address leads elsewhere, following once', {
      kas_address: this.#address,
      to,
      remedy: 'Give this address as kas-address',
    });
  }

  /** Planned: kas told the connection to go away; the next one is dialled while its streams finish. */
  goingAway(): void {
    this.#log.debug('kas asks for a new connection', { kas_address: this.#address });
  }

  refused(code: StatusCode, message: string, refusals: number): void {
    this.#say('error', `refused ${code} ${message}`, 'kas refuses this agent', {
      reason: `${statusName(code)}: ${message}`,
      remedy: refusalRemedies[code] ?? '',
      retry_in_seconds: Math.round(linkRefusedMs(refusals) / 1000),
    });
  }

  #say(
    level: 'info' | 'warn' | 'error',
    key: string,
    text: string,
    fields: Readonly<Record<string, string | number>>,
  ): void {
    const all = { kas_address: this.#address, ...fields };
    const change = this.#said.changed(key);
    if (change === undefined) this.#log.debug(text, all);
    else
      this.#log[level](
        text,
        change.repeatsBefore === 0 ? all : { ...all, repeats_before: change.repeatsBefore },
      );
  }
}
