/**
 * The agent configuration file `.gitlab/agents/<name>/config.yaml`: from bytes to the checked message, and from that to
 * what agentk is sent. Source: spec/gitlab.md §4, spec/kas.md §4.1, spec/wire.md §2.21 and §10.
 *
 * 1. Keys are the snake_case field names; anything else is an error, because the file decides about access.
 * 2. `user_access` never reaches agentk.
 */
import { create, toJson } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import {
  AgentConfigurationSchema,
  ConfigurationFileSchema,
} from './gen/gitlab/agent/agentcfg/agentcfg_pb.ts';
import type { AgentConfiguration, ConfigurationFile } from './gen/gitlab/agent/agentcfg/agentcfg_pb.ts';
import { readJsonMessage } from './json-message.ts';
import { validate } from './validation.ts';
import { readYamlDocument } from './yaml-document.ts';

/**
 * A file that was read. `json` is the file as protojson, for the report to GitLab. `stage` says which of the texts of
 * spec/wire.md §11.1 goes in front of `reason`: `failed to parse agent configuration` or `invalid agent configuration`.
 */
export type ParsedConfiguration =
  | { readonly kind: 'ok'; readonly file: ConfigurationFile; readonly json: JsonObject }
  | { readonly kind: 'invalid'; readonly stage: 'parse' | 'validate'; readonly reason: string };

/** Reads, parses and checks a configuration file. Nothing, or null, is the empty configuration. */
export function parseAgentConfiguration(bytes: Uint8Array): ParsedConfiguration {
  const document = readYamlDocument(bytes);
  if (document.kind === 'invalid') return { kind: 'invalid', stage: 'parse', reason: document.reason };
  const read = readJsonMessage(ConfigurationFileSchema, document.json ?? {});
  if (read.kind === 'invalid') return { kind: 'invalid', stage: 'parse', reason: read.reason };
  const violations = validate(ConfigurationFileSchema, read.message);
  if (violations !== undefined) return { kind: 'invalid', stage: 'validate', reason: violations };
  return { kind: 'ok', file: read.message, json: configurationFileToJson(read.message) };
}

/** The configuration file as protojson: durations and 64-bit numbers as text, enums by name, unset fields left out. */
export function configurationFileToJson(file: ConfigurationFile): JsonObject {
  return toJson(ConfigurationFileSchema, file) as JsonObject; // a message that is no well-known type is always a map
}

/** Who the agent is, for the message it gets. */
export interface AgentIdentity {
  readonly agentId: bigint;
  /** the configuration project */
  readonly projectId: bigint;
  readonly projectPath: string;
  /** may be empty */
  readonly gitlabExternalUrl: string;
}

/** What agentk is sent (invariant 2). Sections are shared with the file, not copied. */
export function toAgentConfiguration(file: ConfigurationFile, agent: AgentIdentity): AgentConfiguration {
  return create(AgentConfigurationSchema, {
    gitops: file.gitops,
    observability: file.observability,
    ciAccess: file.ciAccess,
    containerScanning: file.containerScanning,
    remoteDevelopment: file.remoteDevelopment,
    flux: file.flux,
    agentId: agent.agentId,
    projectId: agent.projectId,
    projectPath: agent.projectPath,
    gitlabExternalUrl: agent.gitlabExternalUrl,
  });
}
