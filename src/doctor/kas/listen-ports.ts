/** Whether kas could listen where it is told to: each address is bound for a moment and given back. */
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { listen, parseListenAddress } from '../../kas/index.ts';
import type { KasSetUp } from './set-up.ts';

const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Something listens there: stop it first. If it is the kas that is to be replaced, all is well',
  EACCES: 'The user may not take this port: choose one above 1023, or allow it (CAP_NET_BIND_SERVICE)',
  EADDRNOTAVAIL: 'This machine does not have this address: use one of its own, or 0.0.0.0',
  ENOTFOUND: 'The name of the address cannot be resolved: write an IP address',
};

export async function examinePorts({ configuration, report }: KasSetUp): Promise<void> {
  const { agent, observability, api, private_api: privateApi } = configuration;
  const all = [
    ['agent.listen', agent.listen],
    ['agent.kubernetes_api.listen', agent.kubernetes_api?.listen],
    ['api.listen', api?.listen],
    ['private_api.listen', privateApi?.listen],
    ['observability.listen', observability.listen],
  ] as const;
  const part = 'listeners';
  for (const [rung, section] of all) {
    if (section === undefined) continue;
    const { network, address } = section;
    if (network === 'unix') {
      const taken = existsSync(address);
      const observed = taken ? `${address} exists already` : `${address} is free`;
      const remedy = 'If nothing listens on it, remove it; else stop what does';
      report.add({ part, rung, verdict: taken ? 'note' : 'good', observed, ...(taken ? { remedy } : {}) });
      continue;
    }
    const code = await bindError(network, address);
    if (code === undefined) report.add({ part, rung, verdict: 'good', observed: `${address} is free` });
    else {
      const remedy = remedies[code] ?? 'Check the address';
      report.add({ part, rung, verdict: 'bad', observed: `${address} cannot be taken (${code})`, remedy });
    }
  }
}

async function bindError(network: string, address: string): Promise<string | undefined> {
  const server = createServer();
  try {
    await listen(server, parseListenAddress(network, address));
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
