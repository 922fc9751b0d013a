/**
 * What xstate leaves undone when logic throws. A throw in an action, guard or assign ends the actor but not its children
 * (they would run for ever, unreachable), and a throwing entry action of the initial state leaves children that had
 * already been started. `guarded` closes both holes, and stops children in the reverse of their start order.
 *
 * G1. When a transition throws, the children are stopped before the error goes on.
 * G2. Children start after the initial entry actions, so a throwing entry starts none.
 * G3. Children stop in reverse order of their start, also when the actor is stopped from outside.
 *
 * Apply it last: `provide` answers an unguarded machine. Machines invoked by machines need it too.
 */
import type { AnyActorLogic, AnyActorRef, AnyActorScope } from 'xstate';

const guards = new WeakMap<AnyActorLogic, AnyActorLogic>();

/** The same logic with the guarantees above; answers the same object for the same logic, and itself when guarded. */
export function guarded<T extends AnyActorLogic>(logic: T): T {
  const known = guards.get(logic);
  if (known !== undefined) return known as T;
  const start: T['start'] = (snapshot, scope) => scope.defer(() => logic.start?.(snapshot, scope)); // G2
  const transition: T['transition'] = (snapshot, event, scope) => {
    if (event.type === 'xstate.stop') stopChildren(snapshot, scope); // G3
    try {
      return logic.transition(snapshot, event, scope);
    } catch (error) {
      stopChildren(snapshot, scope); // G1
      throw error;
    }
  };
  const guard = Object.assign(Object.create(logic), { start, transition }) as T;
  guards.set(logic, guard);
  guards.set(guard, guard);
  return guard;
}

function stopChildren(snapshot: { readonly children?: unknown }, scope: AnyActorScope): void {
  const children = (snapshot.children ?? {}) as Readonly<Record<string, AnyActorRef | undefined>>;
  for (const child of Object.values(children).reverse()) {
    if (child !== undefined) scope.stopChild(child);
  }
}
