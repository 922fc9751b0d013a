/** Wrongs that nobody finds, each with the reason why that is right. Anything else that survives fails the run. */
const heardAndIgnored =
  'The same to see: a further request to stop is ignored here, whether it is heard or not. The law of charts demands that it is heard.';

export const survivors: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  bugs: {
    'a tunnel that is stopping offers itself again':
      'There is a second guard: the chart ends the stream right after the offer, and kas takes another tunnel for what crosses it.',
    'a connection that went away is still lent':
      'There is a second guard: the board itself lends no connection that is closed or closing (`link-board.ts`).',
  },
  agentk: { 'killing on stop.requested → stays: never taken': heardAndIgnored },
  kas: { 'killing on stop.requested → stays: never taken': heardAndIgnored },
  'store-link': {
    'finishing on stop.requested → stopped: never taken':
      'The same to see: the machine itself ends on a request to stop; the state says so once more for its readers.',
  },
  tunnel: { 'finishing on stop.requested → stays: never taken': heardAndIgnored },
  'tunnel-client': {
    'finishing on stop.requested → stays: never taken': heardAndIgnored,
    'idle on after idleLimit → idle (2): never taken':
      'To a kas that is not known to reuse, the timer offers nothing; armed again it only notices that this has changed, and the next stream arms it too.',
  },
  'tunnel-pool': {
    'steady on tunnel.exited → stays (2): never taken':
      'The same to see: the machine itself counts an exit in the same way; the state says so because its first branch differs.',
  },
};
