/**
 * Errors kas itself gives to clients of the Kubernetes API: a `Status` object in the form the client asked for
 * (`spec/kas.md §5.9`), so that kubectl shows a sentence and not a page.
 */
import type { ServerResponse } from 'node:http';
import { dump } from 'js-yaml';
import { kubernetesStatus, type KubernetesStatus } from '../../protocol/index.ts';
import { serverName } from '../build-info.ts';
import { encodeProtobufStatus } from './protobuf-status.ts';
import type { RequestHead } from './request-head.ts';

type Format = 'json' | 'yaml' | 'protobuf';

const mediaTypes: Readonly<Record<string, Format>> = {
  'application/json': 'json',
  'application/yaml': 'yaml',
  'application/vnd.kubernetes.protobuf': 'protobuf',
};
const contentTypes: Readonly<Record<Format, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

/**
 * Answers with an error and ends the response; does nothing when the head was written already.
 * @param message what went wrong, without secrets; the product's name is put before it
 */
export function answerStatus(
  response: ServerResponse,
  head: Pick<RequestHead, 'accept' | 'userAgent' | 'rawQuery'>,
  httpStatus: number,
  message: string,
  headers: readonly string[] = [],
): void {
  if (response.headersSent || response.destroyed) return;
  const text = `GitLab Agent Server: ${message}`;
  const negotiated = negotiate(head.accept);
  response.setHeader('Server', serverName);
  for (let i = 0; i + 1 < headers.length; i += 2)
    response.appendHeader(headers[i] ?? '', headers[i + 1] ?? '');
  if (negotiated === undefined) {
    const refusal = 'GitLab Agent Server: Failed to negotiate output media type: nothing acceptable';
    response.writeHead(406, { 'Content-Type': 'text/plain; charset=utf-8' }).end(refusal);
    return;
  }
  const pretty = negotiated.pretty || wantsPretty(head);
  const body = render(kubernetesStatus(httpStatus, text), negotiated.format, pretty);
  response.writeHead(httpStatus, { 'Content-Type': contentTypes[negotiated.format] }).end(body);
}

function negotiate(accept: string): { readonly format: Format; readonly pretty: boolean } | undefined {
  if (accept.trim() === '') return { format: 'json', pretty: false };
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    // Tables and partial objects are other shapes of lists; an error is never one.
    if (parameters.some((parameter) => parameter.startsWith('as='))) continue;
    const pretty = parameters.includes('pretty=1');
    if (type === '*/*' || type === 'application/*') return { format: 'json', pretty };
    const format = mediaTypes[type];
    if (format !== undefined) return { format, pretty };
  }
  return undefined;
}

function wantsPretty({ rawQuery, userAgent }: Pick<RequestHead, 'rawQuery' | 'userAgent'>): boolean {
  const asked = /(?:^|&)pretty=([^&]*)/.exec(rawQuery)?.[1];
  if (asked !== undefined) return /^(1|t|T|true|TRUE|True)$/.test(asked);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent);
}

function render(status: KubernetesStatus, format: Format, pretty: boolean): string | Buffer {
  if (format === 'yaml') return dump(status);
  if (format === 'protobuf') return encodeProtobufStatus(status);
  return pretty ? JSON.stringify(status, undefined, 2) : `${JSON.stringify(status)}\n`;
}
