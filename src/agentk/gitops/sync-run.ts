/**
 * One synchronisation, from the commit to the cluster (`spec/agentk.md §5.5` to §5.16): prepared as a whole, then applied phase by
 * phase, each waited for, then what left the repository is deleted the other way round.
 *
 * R1. Until everything is known and valid nothing is changed.
 * R2. The inventory names an object before it is touched and until it is certainly gone. A run that ends anywhere leaves the
 *     union, which costs nothing; it never leaves an object nobody knows.
 * R3. An abort lets calls under way finish and begins nothing more; the inventory keeps the union.
 * R4. One object's failure stops only those that need it.
 */
import type { Applied } from './applier.ts';
import { Applier } from './applier.ts';
import {
  failureText,
  type ClusterClient,
  type Discovery,
  type KubeObject,
  type ResourceType,
} from '../kubernetes/index.ts';
import { owningInventory } from './annotations.ts';
import { fieldManager, manifestDigest, ownedFields } from './fields.ts';
import type { Inventory } from './inventory-store.ts';
import { gitopsLimits } from './limits.ts';
import type { ManagedObject } from './managed-object.ts';
import { idText, type ObjectId } from './object-id.ts';
import { awaitObjects } from './object-wait.actor.ts';
import { definedType } from './plan.ts';
import type { Target } from './placement.ts';
import { prepare, type Prepared } from './preparation.ts';
import { heldBack } from './prune-guard.ts';
import { Pruner, type Pruned } from './pruner.ts';
import { Reconciliation, type Goal } from './reconciliation.ts';
import { finalInventory, RunRecord } from './run-record.ts';
import { batches, dependentsOf } from './run-order.ts';
import { RunTeller } from './run-teller.ts';
import { sideBySide } from './side-by-side.ts';
import type { WatchDeps } from './object-watches.ts';
import { unchangedObjects, type Known } from './unchanged-objects.ts';
import type { SyncEvent, SyncInput, SyncResult } from './sync.ts';
import { harmless } from './told.ts';

export interface RunDeps extends Omit<WatchDeps, 'client'> {
  readonly client: ClusterClient;
  readonly discovery: Discovery;
  /** What was applied before, by key. */
  readonly known: Known;
  /** Whether this was not said of this commit before. */
  readonly isNews: (warning: string) => boolean;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly tell: (event: SyncEvent) => void;
}

type Ended = Extract<SyncResult, { kind: 'failed' | 'cancelled' }>;

export class SyncRun {
  readonly #deps: RunDeps;
  readonly #input: SyncInput;
  readonly #signal: AbortSignal;
  readonly #teller: RunTeller;
  readonly #record = new RunRecord();
  readonly #managed = new Map<string, ManagedObject>();
  /** The kinds of the objects to apply. */
  #types: readonly ResourceType[] = [];
  #waits = 0;

  constructor(deps: RunDeps, input: SyncInput, { signal, tell }: RunOptions) {
    this.#deps = deps;
    this.#input = input;
    this.#signal = signal;
    this.#teller = new RunTeller(tell);
  }

  /** What was applied, as the API server answered it. */
  get managed(): readonly ManagedObject[] {
    return [...this.#managed.values()];
  }

  async go(): Promise<SyncResult> {
    const [signal, teller] = [this.#signal, this.#teller];
    teller.phase('planning');
    const prepared = await prepare(this.#deps, this.#input, signal); // R1
    if (signal.aborted) return { kind: 'cancelled' };
    if (prepared.kind === 'failed') return this.#failed(prepared.reason);
    for (const warning of prepared.warnings) this.#warn(warning);
    this.#types = [...new Set(prepared.targets.map(({ type }) => type))];
    const added = await this.#remember(prepared);
    if ('kind' in added) return added;
    const pruner = this.#pruner(prepared);
    const held = this.#plan(prepared, pruner);
    const ended = (await this.#applyAll(prepared)) ?? (await this.#pruneAll(prepared, pruner, held));
    if (ended !== undefined) return ended; // R3
    return (await this.#store(prepared, added)) ?? this.#result(held);
  }

  /** Names everything that will be applied in the inventory (R2). */
  async #remember({ inventory, store, targets, template }: Prepared): Promise<Inventory | Ended> {
    this.#teller.started('Inventory');
    if (this.#dry) {
      this.#teller.finished('Inventory');
      return inventory;
    }
    const home = targets.find(({ id }) => isNamespace(id) && id.name === template.namespace);
    if (home !== undefined && inventory.live === undefined) {
      const fault = await this.#createHome(home, template.id);
      if (fault !== undefined) return this.#failedTask('inventory-add-0', fault);
    }
    const added = await store.add(
      inventory,
      targets.map(({ key }) => key),
    );
    if (added.kind === 'failed') return this.#failedTask('inventory-add-0', added.reason);
    this.#teller.finished('Inventory');
    return this.#signal.aborted ? { kind: 'cancelled' } : added.inventory;
  }

  /** The namespace of the inventory comes before the inventory; what else it says of itself comes with its apply. */
  async #createHome({ id, type, object }: Target, inventoryId: string): Promise<string | undefined> {
    const metadata = { name: id.name, annotations: { [owningInventory]: inventoryId } };
    const body = { apiVersion: object.apiVersion, kind: object.kind, metadata };
    const made = await this.#deps.client.create(type, undefined, body, { fieldManager });
    if (made.kind === 'ok' || (made.kind === 'refused' && made.code === 409)) return undefined;
    return `cannot create the namespace ${id.name} for the inventory: ${failureText(made)}`;
  }

  #pruner({ targets, template }: Prepared): Pruner {
    const namespaces = targets.map(({ id }) => (isNamespace(id) ? id.name : id.namespace));
    return new Pruner(this.#deps.client, {
      inventoryId: template.id,
      options: this.#input.options,
      namespacesInUse: new Set([...namespaces, template.namespace]),
      applied: this.#record.uids,
    });
  }

  /** Writes down what is to happen to each object; answers why deletions are held, if they are. */
  #plan({ targets, leftovers, template, inventory }: Prepared, pruner: Pruner): string | undefined {
    const { commitId, options } = this.#input;
    for (const { id, key } of targets) this.#record.plan(id, key, 'apply');
    if (!options.prune) return undefined;
    const doomed = leftovers.filter((target) => pruner.hindrance(target) === undefined);
    for (const { id, key } of leftovers) this.#record.plan(id, key, 'prune').kept = true;
    for (const { key } of doomed) this.#record.get(key).kept = false;
    const held = heldBack(options.guard, {
      commitId,
      selected: targets.length,
      doomed: doomed.map(({ id }) => id),
      inventory: `${template.namespace}/${(inventory.live ?? template.object).metadata.name}`,
      approved: inventory.approved,
    });
    if (held === undefined) return undefined;
    for (const { key } of leftovers) {
      const record = this.#record.get(key);
      record.actuation = 'skipped';
      record.kept = true;
    }
    this.#teller.warn(held);
    return held;
  }

  async #applyAll({ plan, template }: Prepared): Promise<Ended | undefined> {
    const { policy, dryRun } = this.#input.options;
    const applier = new Applier(this.#deps.client, {
      inventoryId: template.id,
      policy,
      dryRun: dryRun === 'server',
    });
    for (const phase of plan.apply) {
      this.#teller.phase('applying');
      this.#teller.started('Apply');
      const reconciliation = new Reconciliation('Current', this.#teller.waiting);
      for (const batch of batches(phase)) {
        const same = this.#dry ? new Map<string, KubeObject>() : await this.#unchanged(batch);
        await sideBySide(
          batch,
          gitopsLimits.objectsAtOnceMax,
          () => this.#signal.aborted,
          (target) => this.#applyOne(applier, target, plan.needs.get(target.key) ?? [], same.get(target.key)),
          (target, applied) => this.#applied(target, applied, reconciliation),
        );
      }
      if (this.#signal.aborted) return { kind: 'cancelled' };
      this.#teller.finished('Apply');
      if (!this.#dry && !(await this.#wait(reconciliation, phase))) return { kind: 'cancelled' };
      if (phase.some(({ id, object }) => definedType(id, object) !== undefined)) this.#deps.discovery.reset();
    }
    return undefined;
  }

  #unchanged(batch: readonly Target[]): Promise<ReadonlyMap<string, KubeObject>> {
    const { client, known } = this.#deps;
    return unchangedObjects(client, batch, known, this.#signal);
  }

  async #applyOne(
    applier: Applier,
    target: Target,
    needs: Iterable<string>,
    same: KubeObject | undefined,
  ): Promise<Applied> {
    const hindrance = this.#record.hindrance('apply', needs, { waits: !this.#dry }); // R4
    if (hindrance !== undefined) return { kind: 'skipped', reason: hindrance, foreign: false };
    if (this.#input.options.dryRun === 'client') {
      return { kind: 'applied', object: target.object, migration: undefined };
    }
    if (same !== undefined) return { kind: 'applied', object: same, migration: undefined };
    return applier.apply(target);
  }

  #applied(target: Target, applied: Applied, reconciliation: Reconciliation): void {
    const { id, key, type } = target;
    const record = this.#record.get(key);
    if (applied.kind !== 'applied') {
      record.actuation = applied.kind;
      record.reconcile = 'skipped';
      record.error = applied.reason;
      record.uncertain = applied.kind === 'failed' && applied.uncertain;
      record.abandoned = applied.kind === 'skipped' && applied.foreign;
      this.#teller.object('apply', id, applied.kind === 'failed' ? 'Failed' : 'Skipped', applied.reason);
      if (applied.kind === 'skipped') this.#warn(`${idText(id)} is not applied: ${applied.reason}`);
      return;
    }
    record.actuation = 'successful';
    this.#teller.object('apply', id, 'Successful');
    if (this.#dry) return;
    const { object, migration } = applied;
    const { uid = '', generation } = object.metadata;
    if (migration !== undefined) {
      this.#warn(`${idText(id)}: fields of client-side apply could not be taken over: ${migration}`);
    }
    this.#record.uids.add(uid);
    const manifest = manifestDigest(target.object);
    this.#managed.set(key, { id, key, type, uid, fields: ownedFields(object), manifest });
    reconciliation.add({ id, key, type, uid, generation }, object, this.#deps.clock.now());
  }

  async #pruneAll(prepared: Prepared, pruner: Pruner, held: string | undefined): Promise<Ended | undefined> {
    if (!this.#input.options.prune || held !== undefined) return undefined;
    const { plan } = prepared;
    const dependents = dependentsOf(plan.needs);
    for (const phase of plan.prune) {
      this.#teller.phase('pruning');
      this.#teller.started('Prune');
      const reconciliation = new Reconciliation('NotFound', this.#teller.waiting);
      for (const batch of batches(phase)) {
        await sideBySide(
          batch,
          gitopsLimits.objectsAtOnceMax,
          () => this.#signal.aborted,
          (target) => this.#pruneOne(pruner, target, dependents.get(target.key) ?? []),
          (target, pruned) => this.#pruned(target, pruned, reconciliation),
        );
      }
      if (this.#signal.aborted) return { kind: 'cancelled' };
      this.#teller.finished('Prune');
      if (!this.#dry && !(await this.#wait(reconciliation, phase))) return { kind: 'cancelled' };
    }
    return undefined;
  }

  async #pruneOne(pruner: Pruner, target: Target, dependents: Iterable<string>): Promise<Pruned> {
    const hindrance = pruner.hindrance(target);
    if (hindrance?.kind === 'skipped' && hindrance.why === 'kept') {
      const fault = await pruner.release(target);
      return fault === undefined ? hindrance : { kind: 'failed', reason: fault };
    }
    if (hindrance !== undefined) return hindrance;
    const reason = this.#record.hindrance('prune', dependents, { waits: !this.#dry }); // R4
    return reason === undefined ? pruner.delete(target) : { kind: 'skipped', reason, why: 'hindered' };
  }

  #pruned(target: Target, pruned: Pruned, reconciliation: Reconciliation): void {
    const { id, key, type, object } = target;
    const record = this.#record.get(key);
    if (pruned.kind !== 'pruned') {
      record.actuation = pruned.kind;
      record.reconcile = 'skipped';
      record.error = pruned.reason;
      record.abandoned = pruned.kind === 'skipped' && pruned.why !== 'hindered';
      this.#teller.object('prune', id, pruned.kind === 'failed' ? 'Failed' : 'Skipped', pruned.reason);
      return;
    }
    record.actuation = 'successful';
    this.#teller.object('prune', id, 'Successful');
    if (this.#dry) return;
    const { uid = '' } = object.metadata;
    reconciliation.add({ id, key, type, uid, generation: undefined }, object, this.#deps.clock.now());
  }

  /** Waits for a phase; false when that was cancelled. */
  async #wait(reconciliation: Reconciliation, phase: readonly Target[]): Promise<boolean> {
    this.#teller.phase('waiting');
    this.#teller.started('Wait');
    reconciliation.begin();
    const { reconcileTimeoutMs, pruneTimeoutMs } = this.#input.options;
    const goal: Goal = reconciliation.goal;
    const timeoutMs = goal === 'Current' ? reconcileTimeoutMs : pruneTimeoutMs;
    this.#waits += 1;
    const id = `wait-${this.#waits}`;
    const newKinds = goal === 'Current' ? this.#kindsOf(phase) : [];
    const wait = { id, reconciliation, newKinds, timeoutMs, signal: this.#signal };
    const end = await awaitObjects(this.#deps, wait);
    if (end === 'cancelled') return false;
    if (end === 'late') reconciliation.giveUp();
    const awaited = new Set<string>();
    for (const { key, state, error } of reconciliation.states()) {
      awaited.add(key);
      const record = this.#record.get(key);
      if (state === 'Pending') continue;
      record.reconcile = state === 'Successful' ? 'successful' : state === 'Failed' ? 'failed' : 'timeout';
      if (state !== 'Successful') record.error = harmless(error ?? '');
      this.#teller.waited(state);
    }
    for (const { key } of phase) if (!awaited.has(key)) this.#teller.waited('Skipped');
    this.#teller.finished('Wait');
    return !this.#signal.aborted;
  }

  /** The kinds of this commit's objects that these definitions define. */
  #kindsOf(phase: readonly Target[]): readonly ResourceType[] {
    const defined = new Set(
      phase.flatMap(({ id, key, object }) =>
        this.#record.get(key).actuation === 'successful' ? [definedType(id, object)] : [],
      ),
    );
    return this.#types.filter(({ group, kind }) => defined.has(`${group}/${kind}`));
  }

  async #store({ inventory, store }: Prepared, added: Inventory): Promise<Ended | undefined> {
    this.#teller.phase('storing');
    this.#teller.started('Inventory');
    if (!this.#dry) {
      const stored = await store.set(added, finalInventory(inventory.ids, this.#record.all()));
      if (stored.kind === 'failed') return this.#failedTask('inventory-set-0', stored.reason);
    }
    this.#teller.finished('Inventory');
    return undefined;
  }

  #result(held: string | undefined): SyncResult {
    const counts = this.#record.counts();
    const reasons: string[] = [];
    if (counts.failed > 0) reasons.push(`${counts.failed} resources failed`);
    if (counts.unreconciled > 0) {
      reasons.push(`${counts.unreconciled} resources failed to reconcile before timeout`);
    }
    if (reasons.length > 0) {
      const reason = [...reasons, ...(held === undefined ? [] : [held])].join('; ');
      return { kind: 'failed', reason, counts, firstFailure: this.#record.firstFailure() };
    }
    return held === undefined ? { kind: 'synced', counts } : { kind: 'held', reason: held, counts };
  }

  get #dry(): boolean {
    return this.#input.options.dryRun !== 'none';
  }

  #warn(text: string): void {
    if (this.#deps.isNews(text)) this.#teller.warn(text);
  }

  #failedTask(name: string, reason: string): Ended {
    if (this.#signal.aborted) return { kind: 'cancelled' };
    return this.#failed(`task failed (action: "Inventory", name: "${name}"): ${reason}`);
  }

  #failed(reason: string): Ended {
    const counts = this.#record.counts();
    const firstFailure = this.#record.firstFailure();
    return { kind: 'failed', reason: harmless(reason), counts, firstFailure };
  }
}

function isNamespace({ group, kind }: ObjectId): boolean {
  return group === '' && kind === 'Namespace';
}
