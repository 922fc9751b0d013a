import type { BookedRequest } from '../request-book.ts';
import { agentIdOf } from '../simulated-gitlab.ts';
import type { Invariant } from './invariant.ts';

/** Waiting for a tunnel, authorisation, and the longest silence of a lost connection. */
const graceMs = 200_000;

/** The sessions of its agent at the kas it came to. */
function sessionsOf({ kas, planned }: BookedRequest) {
  const agentId = agentIdOf(planned.agent);
  const sessions = [...(kas?.server?.parts.sessions.all() ?? [])];
  return sessions.filter((session) => session.agent?.agentId === agentId && session.registered);
}

/** It waited for a tunnel where its agent was only half of the time: one that came back may have its tunnels elsewhere yet. */
function missedItsAgent(request: BookedRequest, nowMs: number): boolean {
  if (request.seen?.text.includes('Agent connection not found') !== true) return false;
  const sinceMs = (request.kas?.process?.clock.now() ?? 0) - (nowMs - request.admittedMs);
  return sessionsOf(request).every(({ connectedAt }) => connectedAt > sinceMs);
}

export const everyRequestEnds: Invariant = {
  id: 'every-request-ends',
  reason: 'An admitted request is answered or cut within a bound; in a whole world it is answered well.',
  ended(world, request) {
    const { seen, probe, id } = request;
    if (!probe) return;
    // It went to another kas meanwhile, as agents do when their connections age.
    if (sessionsOf(request).length === 0 || missedItsAgent(request, world.kernel.nowMs)) return;
    if (seen?.status !== 200 || !seen.whole) {
      const said = seen?.text.slice(0, 400).replaceAll(/\s+/g, ' ');
      world.fail(this, `request ${id} was not served in a whole world: ${said}`);
    }
  },
  settled(world, report) {
    const now = world.kernel.nowMs;
    for (const { id, kas, seen, planned, admittedMs } of world.book.all) {
      if (kas === undefined || seen !== undefined) continue;
      const lastsMs = now - admittedMs - planned.thinkMs - planned.streamMs;
      if (lastsMs > graceMs) report(`request ${id} has not ended after ${Math.round(lastsMs)} ms`);
    }
  },
};
