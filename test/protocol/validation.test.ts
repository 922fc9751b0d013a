// Rules of spec/wire.md §2 with the exact texts of §3.1.
import { describe, expect, it } from 'vitest';
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import {
  AgentConfigurationSchema,
  ApiAuthorizeProxyUserRequestSchema,
  ConfigurationFileSchema,
  ConfigurationResponseSchema,
  ConnectRequestSchema,
  ConnectResponseSchema,
  GetAgentInfoResponseSchema,
  GetConnectedAgentsRequestSchema,
  GitPushEventRequestSchema,
  HttpRequestSchema,
  HttpResponseSchema,
  ObjectsToSynchronizeRequestSchema,
  RegisterRequestSchema,
  ReportRequestSchema,
  TunnelHeaderSchema,
  validate,
} from '../../src/protocol/index.ts';

function check<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): string | undefined {
  return validate(schema, create(schema, init));
}

const file = (init: MessageInitShape<typeof ConfigurationFileSchema>) => check(ConfigurationFileSchema, init);

describe('validation', () => {
  it('wants a member of a required oneof', () => {
    expect(check(ConnectRequestSchema, {})).toBe('invalid ConnectRequest.Msg: value is required');
    expect(check(HttpResponseSchema, {})).toBe('invalid HttpResponse.Message: value is required');
    expect(check(GetConnectedAgentsRequestSchema, {})).toBe(
      'invalid GetConnectedAgentsRequest.Request: value is required',
    );
    expect(
      check(GetConnectedAgentsRequestSchema, { request: { case: 'agentId', value: 0n } }),
    ).toBeUndefined();
  });

  it('names the causes inside, with the Go names of fields', () => {
    expect(check(ConnectRequestSchema, { msg: { case: 'descriptor', value: {} } })).toBe(
      'invalid ConnectRequest.Descriptor_: embedded message failed validation | ' +
        'caused by: invalid Descriptor.AgentDescriptor: value is required',
    );
    expect(
      check(ConnectRequestSchema, {
        msg: {
          case: 'descriptor',
          value: { agentDescriptor: { services: [{ name: 'a' }, { name: 'b', methods: [{}] }] } },
        },
      }),
    ).toBe(
      'invalid ConnectRequest.Descriptor_: embedded message failed validation | ' +
        'caused by: invalid Descriptor.AgentDescriptor: embedded message failed validation | ' +
        'caused by: invalid AgentDescriptor.Services[1]: embedded message failed validation | ' +
        'caused by: invalid Service.Methods[0]: embedded message failed validation | ' +
        'caused by: invalid Method.Name: value length must be at least 1 bytes',
    );
  });

  it('names nested messages with their parent', () => {
    expect(check(HttpRequestSchema, { message: { case: 'header', value: {} } })).toBe(
      'invalid HttpRequest.Header: embedded message failed validation | ' +
        'caused by: invalid HttpRequest_Header.Request: value is required',
    );
  });

  it('collects all violations, plain fields first, then oneofs, then optional fields', () => {
    expect(
      check(HttpRequestSchema, { message: { case: 'header', value: { request: {}, contentLength: -2n } } }),
    ).toBe(
      'invalid HttpRequest.Header: embedded message failed validation | ' +
        'caused by: invalid HttpRequest_Header.Request: embedded message failed validation | ' +
        'caused by: invalid HttpRequest.Method: value length must be at least 1 bytes; ' +
        'invalid HttpRequest.UrlPath: value length must be at least 1 bytes; ' +
        'invalid HttpRequest_Header.ContentLength: value must be greater than or equal to -1',
    );
  });

  it('takes optional fields that are absent, and -1', () => {
    const request = { method: 'GET', urlPath: '/' };
    expect(check(HttpRequestSchema, { message: { case: 'header', value: { request } } })).toBeUndefined();
    expect(
      check(HttpRequestSchema, { message: { case: 'header', value: { request, contentLength: -1n } } }),
    ).toBeUndefined();
  });

  it('has nothing against header and query maps', () => {
    const header = { Accept: { value: ['a'] }, Te: { value: [] } };
    const request = { method: 'GET', urlPath: '/', header, query: header };
    expect(check(HttpRequestSchema, { message: { case: 'header', value: { request } } })).toBeUndefined();
    const response = { statusCode: 200, header };
    expect(check(HttpResponseSchema, { message: { case: 'header', value: { response } } })).toBeUndefined();
  });

  it('checks numbers, lists and elements', () => {
    expect(check(GitPushEventRequestSchema, {})).toBe('invalid GitPushEventRequest.Event: value is required');
    expect(check(GitPushEventRequestSchema, { event: { project: { id: 0n, fullPath: 'a' } } })).toContain(
      'invalid Project.Id: value must be greater than 0',
    );
    expect(check(ObjectsToSynchronizeRequestSchema, { projectId: 'p' })).toBe(
      'invalid ObjectsToSynchronizeRequest.Paths: value must contain at least 1 item(s)',
    );
    expect(file({ ciAccess: { projects: [{ id: 'a', environments: ['x', '', 'ö'] }] } })).toBe(
      'invalid ConfigurationFile.CiAccess: embedded message failed validation | ' +
        'caused by: invalid CiAccessCF.Projects[0]: embedded message failed validation | ' +
        'caused by: invalid CiAccessProjectCF.Environments[1]: value length must be at least 1 bytes',
    );
  });

  it('checks lists of allowed words', () => {
    expect(check(ApiAuthorizeProxyUserRequestSchema, { agentId: 1n, accessType: 'x', accessKey: 'k' })).toBe(
      'invalid AuthorizeProxyUserRequest.AccessType: value must be in list [session_cookie personal_access_token]',
    );
    expect(file({ gitops: { manifestProjects: [{ dryRunStrategy: 'x' }] } })).toContain(
      'invalid ManifestProjectCF.DryRunStrategy: value must be in list [ none client server]',
    );
    expect(file({ gitops: { manifestProjects: [{ dryRunStrategy: '' }] } })).toBeUndefined();
  });

  it('checks durations only when they are there', () => {
    const text =
      'invalid ConfigurationFile.RemoteDevelopment: embedded message failed validation | ' +
      'caused by: invalid RemoteDevelopmentCF.PartialSyncInterval: value must be greater than 0s';
    expect(file({ remoteDevelopment: { partialSyncInterval: {} } })).toBe(text);
    expect(file({ remoteDevelopment: { partialSyncInterval: { seconds: -1n } } })).toBe(text);
    expect(file({ remoteDevelopment: { partialSyncInterval: { nanos: 1 } } })).toBeUndefined();
    expect(file({ remoteDevelopment: {} })).toBeUndefined();
  });

  it('checks an optional string only when it is there', () => {
    expect(file({ gitops: { manifestProjects: [{}] } })).toBeUndefined();
    expect(file({ gitops: { manifestProjects: [{ id: '' }] } })).toContain('invalid ManifestProjectCF.Id: ');
  });

  it('checks members of a oneof', () => {
    expect(file({ gitops: { manifestProjects: [{ ref: { ref: { case: 'tag', value: '' } } }] } })).toContain(
      'invalid GitRefCF.Tag: value length must be at least 1 bytes',
    );
    expect(file({ ciAccess: { groups: [{ id: 'g', accessAs: {} }] } })).toContain(
      'invalid CiAccessAsCF.As: value is required',
    );
    expect(file({ userAccess: { accessAs: { as: { case: 'agent', value: {} } } } })).toBeUndefined();
  });

  it('has nothing against messages without rules, and does not look into google messages', () => {
    expect(check(RegisterRequestSchema, {})).toBeUndefined();
    expect(check(TunnelHeaderSchema, { meta: { a: { value: [] } } })).toBeUndefined();
    expect(check(ConnectRequestSchema, { msg: { case: 'error', value: { status: {} } } })).toBeUndefined();
    expect(check(ConnectResponseSchema, { msg: { case: 'closeSend', value: {} } })).toBeUndefined();
    expect(check(AgentConfigurationSchema, {})).toBeUndefined();
    expect(check(ConfigurationResponseSchema, {})).toBe(
      'invalid ConfigurationResponse.CommitId: value length must be at least 1 bytes',
    );
  });

  it('wants everything GitLab has to say about an agent', () => {
    expect(check(GetAgentInfoResponseSchema, {})).toBe(
      [
        'invalid GetAgentInfoResponse.ProjectId: value must be greater than 0',
        'invalid GetAgentInfoResponse.AgentId: value must be greater than 0',
        'invalid GetAgentInfoResponse.AgentName: value length must be at least 1 bytes',
        'invalid GetAgentInfoResponse.GitalyInfo: value is required',
        'invalid GetAgentInfoResponse.GitalyRepository: value is required',
        'invalid GetAgentInfoResponse.DefaultBranch: value length must be at least 1 bytes',
      ].join('; '),
    );
  });

  it('does not drown in the violations of a hostile message', () => {
    const services = Array.from({ length: 5_000 }, () => ({}));
    const text = check(ConnectRequestSchema, {
      msg: { case: 'descriptor', value: { agentDescriptor: { services } } },
    });
    expect(text?.length).toBeLessThan(50_000);
    expect(text).toContain('and 4900 more');
  });

  it('bounds texts and lists of our own messages', () => {
    const report = { reporterId: 1n, sequence: 1n };
    expect(check(ReportRequestSchema, { ...report, projectIds: ['a', 'b'.repeat(1_024)] })).toBeUndefined();
    expect(check(ReportRequestSchema, { ...report, projectIds: ['a', 'b'.repeat(1_025)] })).toBe(
      'invalid ReportRequest.ProjectIds[1]: value length must be at most 1024 bytes',
    );
    expect(check(ReportRequestSchema, { ...report, projectIds: Array<string>(257).fill('a') })).toBe(
      'invalid ReportRequest.ProjectIds: value must contain no more than 256 item(s)',
    );
    expect(
      check(ReportRequestSchema, { ...report, changed: [{ projectId: 'a', commitId: 'c'.repeat(129) }] }),
    ).toBe(
      'invalid ReportRequest.Changed[0]: embedded message failed validation | ' +
        'caused by: invalid ProjectState.CommitId: value length must be at most 128 bytes',
    );
  });
});
