/**
 * Who this agent is: its id and the URL of its GitLab come with the first configuration and stay for the life of the
 * process (`spec/agentk.md §3.1`). Everything named after them (locks, caches, links) would be wrong after a change.
 */
export type IdentityCheck =
  | { readonly kind: 'same' }
  | { readonly kind: 'changed'; readonly reason: string }
  | { readonly kind: 'invalid'; readonly reason: string };

export class AgentIdentityKeeper {
  readonly #onKnown: (agentId: bigint) => void;
  #known: { readonly agentId: bigint; readonly url: string } | undefined;

  /** `onKnown` is called once, with the first identity. */
  constructor(onKnown: (agentId: bigint) => void) {
    this.#onKnown = onKnown;
  }

  get agentId(): bigint | undefined {
    return this.#known?.agentId;
  }

  /** Takes the first identity, compares later ones with it. */
  check(agentId: bigint, gitlabExternalUrl: string): IdentityCheck {
    if (gitlabExternalUrl !== '' && !URL.canParse(gitlabExternalUrl)) {
      return { kind: 'invalid', reason: `invalid GitLab external URL ${JSON.stringify(gitlabExternalUrl)}` };
    }
    const known = this.#known;
    if (known === undefined) {
      this.#known = { agentId, url: gitlabExternalUrl };
      this.#onKnown(agentId);
      return { kind: 'same' };
    }
    if (known.agentId !== agentId) {
      return { kind: 'changed', reason: `the agent id changed from ${known.agentId} to ${agentId}` };
    }
    if (known.url !== gitlabExternalUrl) {
      const from = JSON.stringify(known.url);
      return {
        kind: 'changed',
        reason: `GitLab's URL changed from ${from} to ${JSON.stringify(gitlabExternalUrl)}`,
      };
    }
    return { kind: 'same' };
  }
}
