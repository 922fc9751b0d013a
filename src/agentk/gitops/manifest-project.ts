/** The manifest projects of a configuration with their defaults (`spec/agentk.md §2.1`, §5.1). */
import { equals } from '@bufbuild/protobuf';
import {
  ManifestProjectCFSchema,
  type AgentConfiguration,
  type ManifestProjectCF,
} from '../../protocol/index.ts';
import type { PruneGuard, SyncOptions } from './sync.ts';

/** One manifest project as it is synchronised. */
export interface ManifestProject {
  /** Full path; also what keys its work. */
  readonly id: string;
  readonly entry: ManifestProjectCF;
  readonly options: SyncOptions;
}

const second = 1_000;
const hourMs = 3_600_000;
const defaultGlob = '**/*.{yaml,yml,json}';

/** All projects of a configuration; what is wrong with them otherwise. */
export function manifestProjectsOf(
  configuration: AgentConfiguration | undefined,
  guard: PruneGuard,
):
  | { readonly kind: 'projects'; readonly projects: readonly ManifestProject[] }
  | { readonly kind: 'invalid'; readonly reason: string } {
  const projects = new Map<string, ManifestProject>();
  for (const entry of configuration?.gitops?.manifestProjects ?? []) {
    const id = entry.id ?? configuration?.projectPath ?? '';
    if (projects.has(id)) return { kind: 'invalid', reason: `duplicate source id: ${id}` };
    projects.set(id, { id, entry, options: optionsOf(entry, guard) });
  }
  return { kind: 'projects', projects: [...projects.values()] };
}

/** Whether two entries ask for the same work. */
export function sameProject(a: ManifestProject, b: ManifestProject): boolean {
  return a.id === b.id && equals(ManifestProjectCFSchema, a.entry, b.entry);
}

/** The globs asked of kas. */
export function globsOf({ entry }: ManifestProject): readonly string[] {
  return entry.paths.length === 0 ? [defaultGlob] : entry.paths.map(({ glob }) => glob);
}

function optionsOf(entry: ManifestProjectCF, guard: PruneGuard): SyncOptions {
  return {
    defaultNamespace: entry.defaultNamespace === '' ? 'default' : entry.defaultNamespace,
    prune: entry.pruneOneof.case === 'prune' ? entry.pruneOneof.value : true,
    dryRun: oneOf(entry.dryRunStrategy, ['none', 'client', 'server'] as const, 'none'),
    reconcileTimeoutMs: durationMs(entry.reconcileTimeout),
    pruneTimeoutMs: durationMs(entry.pruneTimeout),
    propagation: propagations[oneOf(entry.prunePropagationPolicy, propagationNames, 'foreground')],
    policy: oneOf(
      entry.inventoryPolicy,
      ['must_match', 'adopt_if_no_inventory', 'adopt_all'] as const,
      'must_match',
    ),
    guard,
  };
}

const propagationNames = ['orphan', 'background', 'foreground'] as const;
const propagations = { orphan: 'Orphan', background: 'Background', foreground: 'Foreground' } as const;

/** kas has checked the words; one that is unknown here came from a newer kas and means the default. */
function oneOf<const Words extends readonly string[]>(
  word: string,
  words: Words,
  otherwise: Words[number],
): Words[number] {
  return words.find((each) => each === word) ?? otherwise;
}

/** An absent duration is the default; a present zero is kept and means no limit. */
function durationMs(duration: { readonly seconds: bigint; readonly nanos: number } | undefined): number {
  if (duration === undefined) return hourMs;
  return Number(duration.seconds) * second + duration.nanos / 1e6;
}
