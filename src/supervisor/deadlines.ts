/**
 * One timer for thousands of deadlines. xstate walks all timers of a system whenever an actor stops, and a real timer
 * per request is a heap operation each; here arming and cancelling are O(1): a hashed wheel of linked lists over one
 * clock timer. When the last deadline is cancelled the timer is left to run out and not set again: with one request at a
 * time, clearing and setting it would be most of the wheel's work.
 *
 * W1. A deadline never fires early, and at most one tick late (plus the lateness of the clock itself).
 * W2. Deadlines fire in the order of their ticks, within a tick in the order of their making, also after a long sleep.
 * W3. A deadline that throws does not keep others from firing; the first error is thrown once all have fired.
 * W4. An entry that is over holds nothing: one that the garbage collector has moved to its old generation would keep alive
 *     all that came after it in its slot, with everything their functions know.
 */
import type { Clock, TimerHandle } from '../ports/index.ts';
import { supervisorLimits } from './limits.ts';

/** A pending deadline; opaque to its holder. */
export interface Deadline {
  readonly pending: boolean;
}

const nothing = () => {};

class Entry implements Deadline {
  fn: () => void;
  readonly tick: number;
  readonly sequence: number;
  pending = true;
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;

  constructor(fn: () => void, tick: number, sequence: number) {
    this.fn = fn;
    this.tick = tick;
    this.sequence = sequence;
  }
}

interface Slot {
  first: Entry | undefined;
  last: Entry | undefined;
}

export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: readonly Slot[];
  /** All ticks up to this one have been served. */
  #servedTick = 0;
  #size = 0;
  #sequence = 0;
  #timer: { readonly handle: TimerHandle; readonly tick: number } | undefined;

  constructor(clock: Clock, tickMs: number) {
    if (!(tickMs > 0)) throw new RangeError('deadline wheel: tickMs must be positive');
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#slots = Array.from({ length: supervisorLimits.wheelSlots }, () => ({
      first: undefined,
      last: undefined,
    }));
  }

  /** Deadlines not yet fired or cancelled. */
  get size(): number {
    return this.#size;
  }

  /** Calls `fn` once, `ms` from now or up to a tick later. */
  after(ms: number, fn: () => void): Deadline {
    const now = this.#clock.monotonic();
    const due = Math.ceil((now + Math.max(0, ms)) / this.#tickMs); // W1
    const entry = new Entry(fn, Math.max(due, this.#servedTick + 1), this.#sequence++);
    const slot = this.#slotOf(entry.tick);
    entry.previous = slot.last;
    if (slot.last === undefined) slot.first = entry;
    else slot.last.next = entry;
    slot.last = entry;
    this.#size++;
    if (this.#timer === undefined || entry.tick < this.#timer.tick) this.#arm(entry.tick);
    return entry;
  }

  /** Makes sure the deadline does not fire any more; cancelling twice or after firing does nothing. */
  cancel(deadline: Deadline): void {
    if (!(deadline instanceof Entry) || !deadline.pending) return;
    this.#remove(deadline);
    deadline.fn = nothing; // W4
  }

  #slotOf(tick: number): Slot {
    const slot = this.#slots[tick % this.#slots.length];
    if (slot === undefined) throw new RangeError('deadline wheel: tick is not an integer');
    return slot;
  }

  #remove(entry: Entry): void {
    const slot = this.#slotOf(entry.tick);
    if (entry.previous === undefined) slot.first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) slot.last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = undefined; // W4
    entry.next = undefined;
    entry.pending = false;
    this.#size--;
  }

  #arm(tick: number): void {
    this.#disarm();
    const delayMs = Math.max(0, tick * this.#tickMs - this.#clock.monotonic());
    this.#timer = { handle: this.#clock.setTimeout(() => this.#turn(), delayMs), tick };
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer.handle);
    this.#timer = undefined;
  }

  #turn(): void {
    this.#timer = undefined;
    const due = this.#takeDue();
    const errors: unknown[] = [];
    for (const entry of due) {
      if (!entry.pending) continue; // cancelled by one that fired before it
      this.#remove(entry);
      try {
        entry.fn();
      } catch (error) {
        errors.push(error); // W3
      }
    }
    if (this.#size > 0) this.#arm(this.#nextTick());
    if (errors.length > 0) throw errors[0];
  }

  /** What is due, still linked, so that what fires first can cancel what would fire after it. */
  #takeDue(): readonly Entry[] {
    const nowTick = Math.floor(this.#clock.monotonic() / this.#tickMs);
    const slots = this.#slots.length;
    const due: Entry[] = [];
    for (let tick = Math.max(this.#servedTick + 1, nowTick - slots + 1); tick <= nowTick; tick++) {
      for (let entry = this.#slotOf(tick).first; entry !== undefined; entry = entry.next) {
        if (entry.tick <= nowTick) due.push(entry);
      }
    }
    this.#servedTick = Math.max(this.#servedTick, nowTick);
    return due.sort((a, b) => a.tick - b.tick || a.sequence - b.sequence); // W2
  }

  /** The tick of the first slot with something in it: an early look at a far deadline at worst. */
  #nextTick(): number {
    let tick = this.#servedTick + 1;
    while (this.#slotOf(tick).first === undefined) tick++;
    return tick;
  }
}
