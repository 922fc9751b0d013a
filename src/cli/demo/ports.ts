/** Finding ports for the demonstration: the ones everybody knows when they are free, others when they are not. */
import { createServer } from 'node:net';

/**
 * Answers `preferred` when it can be bound on 127.0.0.1, else a free port of the system's choice.
 */
export async function findPort(
  preferred: number,
): Promise<{ readonly port: number; readonly taken: boolean }> {
  const port = await tryPort(preferred);
  if (port !== undefined) return { port, taken: false };
  const other = await tryPort(0);
  if (other === undefined) throw new Error('no free port on 127.0.0.1');
  return { port: other, taken: true };
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const found = address !== null && typeof address === 'object' ? address.port : undefined;
      server.close(() => resolve(found));
    });
  });
}
