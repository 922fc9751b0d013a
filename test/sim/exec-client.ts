/**
 * Exec as new kubectl versions speak it (WebSocket, `v5.channel.k8s.io`), by hand: the kubectl of older distributions
 * speaks only SPDY, and what is tested is the server.
 */
import { Agent, WebSocket } from 'undici';
import type { Cluster } from '../fakes/kube-apiserver.ts';

export interface ExecResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const channels = { input: 0, output: 1, errors: 2, status: 3, end: 255 } as const;

/** Runs a command in a pod of the default namespace and waits for its end. */
export async function exec(
  cluster: Pick<Cluster, 'url' | 'caPem' | 'adminToken'>,
  pod: string,
  command: readonly string[],
  input?: string,
): Promise<ExecResult> {
  const query = new URLSearchParams({ stdout: 'true', stderr: 'true', stdin: String(input !== undefined) });
  for (const word of command) query.append('command', word);
  const dispatcher = new Agent({ connect: { ca: cluster.caPem } });
  const socket = new WebSocket(
    `${cluster.url.replace('http', 'ws')}/api/v1/namespaces/default/pods/${pod}/exec?${query.toString()}`,
    {
      protocols: ['v5.channel.k8s.io'],
      dispatcher,
      headers: { authorization: `Bearer ${cluster.adminToken}` },
    },
  );
  socket.binaryType = 'arraybuffer';
  const texts: Record<number, string> = {};
  try {
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => {
        if (input === undefined) return;
        socket.send(Buffer.concat([Buffer.from([channels.input]), Buffer.from(input)]));
        socket.send(Buffer.from([channels.end, channels.input]));
      });
      socket.addEventListener('message', ({ data }) => {
        const bytes = Buffer.from(data as ArrayBuffer);
        const channel = bytes[0] ?? -1;
        texts[channel] = (texts[channel] ?? '') + bytes.subarray(1).toString();
      });
      socket.addEventListener('close', () => resolve());
      socket.addEventListener('error', () => reject(new Error('the exec connection failed')));
    });
  } finally {
    await dispatcher.destroy();
  }
  return {
    code: exitCode(texts[channels.status] ?? ''),
    out: texts[channels.output] ?? '',
    err: texts[channels.errors] ?? '',
  };
}

/** The exit code in the status object that ends an exec. */
function exitCode(status: string): number {
  const { status: word, details } = JSON.parse(status) as {
    readonly status: string;
    readonly details?: { readonly causes?: readonly { readonly reason: string; readonly message: string }[] };
  };
  if (word === 'Success') return 0;
  return Number(details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message ?? -1);
}
