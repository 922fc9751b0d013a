/**
 * The schema of kas's configuration file: names, defaults and checks of the originals (`spec/kas.md §2.2`), and our own
 * section `standalone` for a server without GitLab. Unknown keys are errors, so that a typing mistake is never a silent
 * default. Everything becomes milliseconds and bytes, with defaults filled in.
 */
import { z } from 'zod';
import { agentSection } from './agent-section.ts';
import {
  apiSection,
  gitalySection,
  gitlabSection,
  privateApiSection,
  standaloneGitlabSection,
} from './gitlab-sections.ts';
import { observabilitySection } from './observability-section.ts';
import { redisSection } from './redis-section.ts';
import { flag, requiredText } from './scalars.ts';
import { section } from './sections.ts';

const common = {
  agent: agentSection.prefault({}),
  observability: observabilitySection.prefault({}),
  gitaly: gitalySection.prefault({}),
};

/** kas with GitLab, as the originals run. */
const withGitLab = section({
  ...common,
  gitlab: gitlabSection.prefault({}),
  redis: redisSection.prefault({}),
  api: apiSection.prefault({}),
  private_api: privateApiSection.prefault({}),
  standalone: z.undefined().optional(),
}).superRefine(checkTogether);

/** kas without GitLab: a file answers for it. What serves GitLab and other kas is there only when it is written. */
const withoutGitLab = section({
  ...common,
  gitlab: standaloneGitlabSection.prefault({}),
  redis: redisSection.optional(),
  api: apiSection.optional(),
  private_api: privateApiSection.optional(),
  standalone: section({
    file: requiredText('the file of agents, tokens and projects'),
    watch_repositories: flag(true),
  }),
}).superRefine(checkTogether);

export type KasConfiguration = z.output<typeof withGitLab> | z.output<typeof withoutGitLab>;

/** Marks issues of the checks that need the defaults (`kascfg.ValidateExtra` of the originals). */
export const extraCheck = { extra: true } as const;

export function checkConfiguration(document: unknown): z.ZodSafeParseResult<KasConfiguration> {
  const standalone = typeof document === 'object' && document !== null && 'standalone' in document;
  return standalone ? withoutGitLab.safeParse(document) : withGitLab.safeParse(document);
}

function checkTogether(all: Pick<KasConfiguration, 'agent' | 'observability'>, ctx: z.RefinementCtx): void {
  const refuse = (path: readonly string[], message: string) =>
    ctx.addIssue({ code: 'custom', path: [...path], message, params: extraCheck });
  const { agent, observability } = all;
  if (agent.redis_conn_info_refresh >= agent.redis_conn_info_ttl) {
    refuse(
      ['agent', 'redis_conn_info_refresh'],
      'must be smaller than agent.redis_conn_info_ttl, or entries expire before they are written again',
    );
  }
  const paths = ['prometheus', 'liveness_probe', 'readiness_probe'] as const;
  paths.forEach((name, index) => {
    const other = paths
      .slice(0, index)
      .find((one) => observability[one].url_path === observability[name].url_path);
    if (other === undefined) return;
    refuse(['observability', name, 'url_path'], `must differ from observability.${other}.url_path`);
  });
}
