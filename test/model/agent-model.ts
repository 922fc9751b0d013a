/**
 * What may happen to an agentk, told from outside: what kas, the network, GitLab and Kubernetes do to it. The states say
 * what the world around it is like, not what is inside: any agentk of the protocol can be held against it.
 */
import { createMachine } from 'xstate';

export const agentModel = createMachine({
  id: 'worldOfAgentk',
  initial: 'served',
  states: {
    /** kas is there and good. */
    served: {
      on: {
        'kas.hangsUp': 'served',
        'kas.goesAway': 'served',
        'kas.goesSilent': 'served',
        'kas.restarts': 'served',
        'kas.leaves': 'absent',
        'kas.mutes': 'mute',
        'kas.slams': 'slamming',
        'token.revoked': 'revoked',
        'tunnels.end': 'served',
        'tunnel.fails': 'served',
        'registration.fails': 'served',
        'configuration.moves': 'served',
        'request.comes': 'served',
        'request.comesHeld': 'serving',
        'agent.stops': 'stopped',
      },
    },
    /** Nobody listens where kas was. */
    absent: { on: { 'kas.returns': 'served', 'agent.stops': 'stopped' } },
    /** Connections are taken and nothing is said on them. */
    mute: { on: { 'kas.returns': 'served', 'kas.leaves': 'absent', 'agent.stops': 'stopped' } },
    /** Connections are taken and closed at once. */
    slamming: { on: { 'kas.returns': 'served', 'agent.stops': 'stopped' } },
    /** GitLab knows the agent's token no more: kas refuses its calls. */
    revoked: { on: { 'token.granted': 'served', 'kas.hangsUp': 'revoked', 'agent.stops': 'stopped' } },
    /** A request is being answered by the API server. */
    serving: {
      on: {
        'request.isAnswered': 'served',
        'request.isCancelled': 'served',
        'request.comes': 'serving',
        'kas.hangsUp': 'served',
        'kas.goesAway': 'parted',
        'agent.stops': 'finishing',
      },
    },
    /** The same, on a connection that goes away. */
    parted: { on: { 'request.isAnswered': 'served', 'agent.stops': 'finishing' } },
    /** The agent was asked to stop while a request is being answered. */
    finishing: { on: { 'request.isAnswered': 'stopped', 'kas.hangsUp': 'stopped' } },
    stopped: { type: 'final' },
  },
});
