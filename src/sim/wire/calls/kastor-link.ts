/** The link actor of agentk by itself, under a supervisor. */
import { kasTarget, unsetBuild } from '../../../agentk/index.ts';
import { createAgentLinkLogic, KasSockets, LinkBoard, LinkJournal } from '../../../agentk/link/index.ts';
import type { Log } from '../../../ports/index.ts';
import { Registry, reportsToLog, Supervisor } from '../../../supervisor/index.ts';
import type { Kernel } from '../../kernel/index.ts';

export function setupLink(
  kernel: Kernel,
  address: string,
  log: Log,
): { readonly board: LinkBoard; stop(): Promise<void> } {
  const random = kernel.random.fork('link');
  const { clock } = kernel;
  const { target } = kasTarget({ kasAddress: address, kasHeaders: [], build: unsetBuild, env: {} });
  const board = new LinkBoard();
  const sockets = new KasSockets(target);
  const journal = new LinkJournal(log, address);
  const logic = createAgentLinkLogic({ sockets, board, journal, random });
  const root = new Supervisor(
    {
      id: 'link-tree',
      strategy: 'one_for_one',
      children: [{ id: 'agent-link', logic, input: { startDelayMs: 0 } }],
    },
    { clock, random, registry: new Registry(), report: reportsToLog(log) },
  );
  const started = root.start();
  return {
    board,
    stop: async () => {
      await started;
      await root.stop('over');
    },
  };
}
