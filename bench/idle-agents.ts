/**
 * Many idle agents in one process: each with its own HTTP/2 connection, a configuration stream and two idle tunnels, as an
 * agentk keeps them. Speaks the wire with prepared bytes; says when all are connected and stays until it is killed.
 */
import { connect } from 'node:http2';
import { connect as dial } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { ConfigurationRequestSchema, encode, methods } from '../src/protocol/index.ts';
import { encodeDescriptor } from '../src/protocol/envelope/index.ts';
import { frame } from '../src/pipe/grpc/index.ts';

const plan = JSON.parse(process.argv[2] ?? '{}') as {
  port: number;
  token: string;
  agents: number;
  atOnce: number;
};
const descriptor = encodeDescriptor([
  { name: 'gitlab.agent.kubernetes_api.rpc.KubernetesApi', methods: ['MakeRequest'] },
]);
const configuration = frame(
  encode(ConfigurationRequestSchema, create(ConfigurationRequestSchema, { skipRegister: true })),
);

let next = 0;
const started = performance.now();
await Promise.all(
  Array.from({ length: plan.atOnce }, async () => {
    while (next < plan.agents) await agent(next++);
  }),
);
process.stdout.write(`${JSON.stringify({ connectedMs: performance.now() - started })}\n`);

/** Connects one agent; resolves when its configuration arrived, which means it was authenticated. */
function agent(index: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // Spread over loopback addresses, so that the ports of one address do not run out.
    const session = connect(`http://127.0.0.1:${plan.port}`, {
      createConnection: () =>
        dial({ port: plan.port, host: '127.0.0.1', localAddress: `127.0.0.${2 + (index % 8)}` }),
    });
    session.on('error', reject);
    const open = (method: string) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': method,
        'content-type': 'application/grpc',
        te: 'trailers',
        authorization: `Bearer ${plan.token}`,
      });
      stream.on('error', () => {});
      return stream;
    };
    const watch = open(methods.getConfiguration.path);
    watch.end(configuration);
    watch.once('data', () => resolve());
    watch.resume();
    for (let i = 0; i < 2; i++) open(methods.connect.path).write(descriptor);
  });
}
