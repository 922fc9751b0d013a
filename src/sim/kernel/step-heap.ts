/**
 * What is going to happen, earliest first. What happens at the same instant is ordered by a number drawn when it was
 * planned: that order is the schedule a seed explores. The sequence only decides between equal draws.
 */
export interface PlannedStep {
  readonly at: number;
  readonly draw: number;
  readonly sequence: number;
  /** Undefined once it was done or cancelled; cancelled steps stay in the heap until they surface. */
  run: (() => void) | undefined;
}

export class StepHeap {
  readonly #steps: PlannedStep[] = [];

  get first(): PlannedStep | undefined {
    return this.#steps[0];
  }

  push(step: PlannedStep): void {
    const steps = this.#steps;
    let at = steps.push(step) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = steps[up];
      if (parent === undefined || !before(step, parent)) break;
      steps[at] = parent;
      at = up;
    }
    steps[at] = step;
  }

  /** Takes the first one away. */
  pop(): void {
    const steps = this.#steps;
    const last = steps.pop();
    if (last === undefined || steps.length === 0) return;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      let child = steps[down];
      const right = steps[down + 1];
      if (child !== undefined && right !== undefined && before(right, child)) {
        child = right;
        down += 1;
      }
      if (child === undefined || !before(child, last)) break;
      steps[at] = child;
      at = down;
    }
    steps[at] = last;
  }
}

function before(a: PlannedStep, b: PlannedStep): boolean {
  if (a.at !== b.at) return a.at < b.at;
  return a.draw !== b.draw ? a.draw < b.draw : a.sequence < b.sequence;
}
