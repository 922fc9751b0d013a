/**
 * What may happen to a kas, told from outside: what an agent, a user, GitLab, a repository and an operator do to it. The
 * states say what the world around it is like. One agent and one user are enough for the hand-over of a request.
 */
import { createMachine } from 'xstate';

export const kasModel = createMachine({
  id: 'worldOfKas',
  initial: 'vacant',
  states: {
    /** No agent is connected. */
    vacant: { on: { 'agent.comes': 'present', 'user.asks': 'waiting', 'kas.stops': 'stopped' } },
    /** An agent is connected, watches its configuration and offers a tunnel. */
    present: {
      on: {
        'agent.hangsUp': 'vacant',
        'agent.goesSilent': 'vacant',
        'agent.storms': 'vacant',
        'tunnel.retires': 'tunnelless',
        'tunnel.resets': 'tunnelless',
        'configuration.isPushed': 'present',
        'configuration.isRemoved': 'present',
        'configuration.endsAndComes': 'present',
        'token.revoked': 'barred',
        'user.asks': 'serving',
        'kas.stops': 'stopped',
      },
    },
    /** The same without a tunnel. */
    tunnelless: {
      on: { 'agent.offers': 'present', 'agent.hangsUp': 'vacant', 'user.asks': 'waitingForTunnel' },
    },
    /** A user has asked, and there is no agent. */
    waiting: {
      on: {
        'agent.comes': 'serving',
        'user.leaves': 'vacant',
        'search.timesOut': 'vacant',
        'kas.stops': 'stopped',
      },
    },
    /** A user has asked, and the agent has no tunnel. */
    waitingForTunnel: {
      on: {
        'agent.offers': 'serving',
        'user.leaves': 'tunnelless',
        'search.timesOut': 'tunnelless',
        'agent.hangsUp': 'waiting',
      },
    },
    /** The agent has the request. */
    serving: {
      on: {
        'agent.answers': 'tunnelless',
        'agent.answersAndOffers': 'present',
        'agent.fails': 'tunnelless',
        'tunnel.resets': 'tunnelless',
        'user.leaves': 'tunnelless',
        'agent.hangsUp': 'vacant',
        'agent.goesSilent': 'vacant',
        'kas.stops': 'finishing',
      },
    },
    /** kas was asked to stop while a request is under way. */
    finishing: { on: { 'agent.answers': 'stopped', 'agent.hangsUp': 'stopped', 'user.leaves': 'stopped' } },
    /** GitLab does not know the agent's token. */
    barred: { on: { 'agent.callsInVain': 'barred', 'token.granted': 'vacant', 'kas.stops': 'stopped' } },
    stopped: { type: 'final' },
  },
});
