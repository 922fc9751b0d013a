/**
 * Field tags of the hot messages: (field number << 3) | wire type, one byte each. Source: spec/wire.md §2.2, §2.3, §2.7.
 */

/** Field 1 as a length-delimited value: the only field of Message, Data, UpgradeData, and the first of many others. */
export const fieldOne = 0x0a;

/** Members of ConnectRequest, agentk to kas. */
export const connectRequestTags = {
  descriptor: 0x0a,
  header: 0x12,
  message: 0x1a,
  trailer: 0x22,
  error: 0x2a,
} as const;

/** Members of ConnectResponse, kas to agentk. */
export const connectResponseTags = { requestInfo: 0x0a, message: 0x12, closeSend: 0x1a } as const;

/** Members of grpctool.HttpRequest and grpctool.HttpResponse: the same numbers. */
export const httpTags = { header: 0x0a, data: 0x12, trailer: 0x1a, upgradeData: 0x22 } as const;

/** grpctool.HttpRequest.Header. */
export const requestHeaderTags = { request: 0x0a, extra: 0x12, contentLength: 0x18 } as const;

/** prototool.HttpRequest. */
export const requestTags = { method: 0x0a, header: 0x12, urlPath: 0x1a, query: 0x22 } as const;

/** prototool.HttpResponse. */
export const responseTags = { statusCode: 0x08, status: 0x12, header: 0x1a } as const;

/** RequestInfo. */
export const requestInfoTags = { methodName: 0x0a, meta: 0x12 } as const;

/** google.protobuf.Any. */
export const anyTags = { typeUrl: 0x0a, value: 0x12 } as const;

/** google.rpc.Status. */
export const statusTags = { code: 0x08, message: 0x12, details: 0x1a } as const;

/** reverse_tunnel.info.Service and Method: name, then methods. */
export const serviceTags = { name: 0x0a, methods: 0x12 } as const;
