/**
 * Calls the webhook of Flux's notification controller for a Receiver: an empty POST without credentials, or, where the
 * configured URL is a service behind the API server's proxy, a call of the API server as agentk (`spec/agentk.md §6.1`).
 *
 * W1. The path comes from the cluster: it can only lengthen the path of the configured URL, never change its host.
 * W2. Redirects are not followed; only 200 is success; a failure is told and not repeated.
 */
import { Agent } from 'undici';
import type { Clock, Log } from '../../ports/index.ts';
import { CallEnd, CallGate, failureText, type ClusterClient } from '../kubernetes/index.ts';
import { fluxLimits } from './limits.ts';

export const defaultWebhookUrl = 'http://webhook-receiver.flux-system.svc.cluster.local';

const throughApiServer = /^\/api\/v1\/namespaces\/[^/]+\/services\/[^/]+\/proxy\/?$/;

type Place =
  | { readonly kind: 'url'; readonly origin: string; readonly path: string }
  | { readonly kind: 'apiServer'; readonly path: string };

/** Where the webhook is, or undefined when the text is no place for it. */
export function webhookPlace(configured: string): Place | undefined {
  const text = configured === '' ? defaultWebhookUrl : configured;
  const url = text.startsWith('/') ? URL.parse(text, 'http://unused') : URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  const path = url.pathname.replace(/\/+$/, '');
  if (throughApiServer.test(url.pathname)) return { kind: 'apiServer', path };
  return text.startsWith('/') ? undefined : { kind: 'url', origin: url.origin, path };
}

export interface WebhookDeps {
  readonly client: Pick<ClusterClient, 'request'>;
  readonly clock: Clock;
  readonly log: Log;
  /** As configured now. */
  readonly url: () => string;
}

export class Webhook {
  readonly #deps: WebhookDeps;
  readonly #gate = new CallGate(fluxLimits.webhooksMax, fluxLimits.webhooksWaitingMax);
  readonly #agent = new Agent({
    connections: fluxLimits.webhooksMax,
    connect: { timeout: fluxLimits.webhookConnectMs },
  });
  readonly #stopped = new AbortController();
  /** Receivers whose call waits or is under way: a second push adds nothing. */
  readonly #calling = new Set<string>();

  constructor(deps: WebhookDeps) {
    this.#deps = deps;
  }

  /** Tells Flux that the sources of a Receiver changed. */
  async notify(receiverKey: string, webhookPath: string): Promise<void> {
    if (this.#calling.has(receiverKey)) return;
    this.#calling.add(receiverKey);
    const failure = await this.#call(webhookPath);
    this.#calling.delete(receiverKey);
    const { log } = this.#deps;
    const fields = { namespaced_name: receiverKey };
    if (failure === undefined) log.debug('Told Flux about a push', fields);
    else if (!this.#stopped.signal.aborted)
      log.error('Failed to tell Flux about a push', { ...fields, reason: failure });
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#agent.destroy();
  }

  /** Why it failed; undefined when it did not. */
  async #call(webhookPath: string): Promise<string | undefined> {
    const place = webhookPlace(this.#deps.url());
    if (place === undefined) return 'the webhook URL cannot be used';
    // W1: nothing that ends the path, and nothing that climbs.
    const usable = /^\/[\w\-./~%]*$/.test(webhookPath) && !webhookPath.split('/').includes('..');
    if (!usable || webhookPath.length > fluxLimits.webhookPathCharsMax)
      return 'the Receiver has an unusable webhook path';
    const path = place.path + webhookPath;
    const { signal } = this.#stopped;
    if (place.kind === 'apiServer') {
      const answer = await this.#deps.client.request(
        { method: 'POST', path },
        { signal, deadlineMs: fluxLimits.webhookMs },
      );
      return answer.kind === 'ok' ? undefined : failureText(answer);
    }
    const outcome = await this.#gate.run(signal, () => this.#post(place.origin, path, signal));
    return outcome === undefined ? 'too many calls wait already' : outcome === 'ok' ? undefined : outcome;
  }

  async #post(origin: string, path: string, stopped: AbortSignal): Promise<string> {
    const end = new CallEnd(this.#deps.clock, stopped, fluxLimits.webhookMs);
    try {
      const { signal } = end;
      const answer = await this.#agent.request({ method: 'POST', origin, path, signal });
      await answer.body.dump({ limit: fluxLimits.webhookAnswerBytesMax });
      return answer.statusCode === 200 ? 'ok' : `HTTP ${answer.statusCode}`; // W2
    } catch (error) {
      return end.late ? 'no answer in time' : error instanceof Error ? error.message : String(error);
    } finally {
      end.close();
    }
  }
}
