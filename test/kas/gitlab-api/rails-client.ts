/**
 * GitLab Rails as kas's API sees it: grpc-js, and a token made by hand as `spec/gitlab.md §2.1` describes it. It shares no
 * line with our gRPC layer or our JWTs.
 */
import { createHmac } from 'node:crypto';
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import type { Method } from '../../../src/protocol/index.ts';

export interface Claims {
  readonly iss?: unknown;
  readonly aud?: unknown;
  readonly iat?: unknown;
  readonly nbf?: unknown;
  readonly exp?: unknown;
  readonly jti?: unknown;
}

export function railsClaims(nowMs: number): Claims {
  const iat = Math.floor(nowMs / 1000);
  return { iss: 'gitlab.example.com', aud: 'gitlab-kas', jti: 'a-uuid', iat, nbf: iat - 5, exp: iat + 60 };
}

export function signedToken(secret: Buffer, claims: Claims, header: object = { alg: 'HS256' }): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

export interface Reply<T> {
  readonly code: number;
  readonly details: string;
  readonly message: T | undefined;
}

export class RailsClient {
  readonly client: grpc.Client;
  readonly #secret: Buffer;
  readonly #now: () => number;

  constructor(
    port: number,
    secret: Buffer,
    now: () => number,
    credentials: grpc.ChannelCredentials = grpc.credentials.createInsecure(),
  ) {
    this.client = new grpc.Client(`127.0.0.1:${port}`, credentials, { 'grpc.use_local_subchannel_pool': 1 });
    this.#secret = secret;
    this.#now = now;
  }

  /** As Rails signs, but for the claims given. */
  token(claims: Claims = {}, secret = this.#secret): string {
    return signedToken(secret, { ...railsClaims(this.#now()), ...claims });
  }

  /** @param authorization the whole value; undefined for the one Rails sends, empty for none */
  call<I extends DescMessage, O extends DescMessage>(
    { path, request, response }: Method<I, O>,
    message: MessageInitShape<I>,
    authorization = `bearer ${this.token()}`,
  ): Promise<Reply<MessageShape<O>>> {
    const metadata = new grpc.Metadata();
    if (authorization !== '') metadata.set('authorization', authorization);
    metadata.set('kas-feature-something', 'true'); // what the newest GitLab adds
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(
        path,
        (one: MessageShape<I>) => Buffer.from(toBinary(request, one)),
        (bytes: Buffer) => fromBinary(response, bytes),
        create(request, message),
        metadata,
        { deadline: Date.now() + 60_000 },
        (error, answer) =>
          resolve({
            code: error?.code ?? 0,
            details: error?.details ?? '',
            message: answer,
          }),
      );
    });
  }

  close(): void {
    this.client.close();
  }
}
