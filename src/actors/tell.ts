/** Sending to actors whose life may be over: news that comes too late is nobody's, and no warning either. */
import type { AnyActorRef, EventObject } from 'xstate';

/** Sends unless the actor has ended or was never started. */
export function tell(
  ref: AnyActorRef | undefined,
  event: EventObject & Readonly<Record<string, unknown>>,
): void {
  if (ref?.getSnapshot().status === 'active') ref.send(event);
}
