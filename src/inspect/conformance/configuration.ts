/** Which states are active together, and how such a set comes to be. */
import type { AnyStateNode } from 'xstate';
import { ancestorsOf } from '../charts/machine-walk.ts';

/** Every active state, those around others included. */
export type Active = ReadonlySet<AnyStateNode>;

export function isInside(node: AnyStateNode, around: AnyStateNode): boolean {
  return ancestorsOf(node).includes(around);
}

/** What is active when a machine begins, before anything eventless. */
export function initialOf(root: AnyStateNode): Active {
  const active = new Set<AnyStateNode>([root]);
  enterInside(root, active, []);
  return active;
}

/** Adds the targets with all that goes with them; answers what was added. `domain` stays as it is. */
export function settle(
  active: Set<AnyStateNode>,
  targets: readonly AnyStateNode[],
  domain: AnyStateNode | undefined,
): readonly AnyStateNode[] {
  const added: AnyStateNode[] = [];
  const around = targets.flatMap((target) =>
    ancestorsOf(target).filter((node) => domain === undefined || isInside(node, domain)),
  );
  // From the outside in, so that each finds its parent.
  for (const node of around.toReversed()) add(node, active, added);
  for (const target of targets) {
    add(target, active, added);
    enterInside(target, active, added);
  }
  // Regions beside the one that was meant.
  for (const node of [...around, ...(domain === undefined ? [] : [domain])]) {
    if (node.type === 'parallel') enterInside(node, active, added);
  }
  return added;
}

/** As transitions are observed (`src/supervisor/observer.ts`); undefined when the set is no configuration of the machine. */
export function nameOf(active: Active, node: AnyStateNode): string | undefined {
  const inside = Object.values(node.states).filter((child) => active.has(child));
  const wanted =
    node.type === 'parallel' ? Object.keys(node.states).length : node.type === 'compound' ? 1 : 0;
  if (!active.has(node) || inside.length !== wanted) return undefined;
  const parts: string[] = [];
  for (const child of inside) {
    const name = nameOf(active, child);
    if (name === undefined) return undefined;
    parts.push(name === '' ? child.key : `${child.key}.${name}`);
  }
  return parts.length > 1 ? `(${parts.join('|')})` : (parts[0] ?? '');
}

function enterInside(node: AnyStateNode, active: Set<AnyStateNode>, added: AnyStateNode[]): void {
  if (node.type === 'parallel') {
    for (const region of Object.values(node.states)) {
      add(region, active, added);
      enterInside(region, active, added);
    }
  } else if (node.type === 'compound' && !Object.values(node.states).some((child) => active.has(child))) {
    settle(active, node.initial.target, node).forEach((one) => added.push(one));
  }
}

function add(node: AnyStateNode, active: Set<AnyStateNode>, added: AnyStateNode[]): void {
  if (active.has(node)) return;
  active.add(node);
  added.push(node);
}
