/** What `kastor start` prints: a few lines, with colour where the terminal has it. */
import { relative } from 'node:path';
import { styleText } from 'node:util';
import type { DemoData, DemoPorts } from './data-folder.ts';
import type { DemoCluster } from './cluster.ts';
import { demoAgent } from './data-folder.ts';

type Style = Parameters<typeof styleText>[0];

export class Screen {
  readonly #out: NodeJS.WriteStream;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  note(text: string): void {
    this.#line(`${this.#paint('yellow', 'note')}  ${text}`);
  }

  problem(text: string): void {
    this.#line(`${this.#paint('red', 'problem')}  ${text}`);
  }

  stopping(): void {
    this.#line(this.#paint('dim', '\nstopping …'));
  }

  stopped(): void {
    this.#line(this.#paint('dim', 'stopped; the data folder is kept'));
  }

  ready(world: {
    readonly data: DemoData;
    readonly ports: DemoPorts;
    readonly pidOf: (name: string) => number | undefined;
    readonly cluster: DemoCluster;
    readonly logFile: string;
    readonly kubectl: boolean;
  }): void {
    const { data, ports, pidOf, cluster } = world;
    const bold = (text: string) => this.#paint('bold', text);
    const cyan = (text: string) => this.#paint('cyan', text);
    const dim = (text: string) => this.#paint('dim', text);
    const near = (path: string) => {
      const short = relative(process.cwd(), path);
      return short.startsWith('..') ? path : short;
    };
    const ok = this.#paint('green', '●');
    this.#line('');
    this.#line(
      `${ok} ${bold('kas')}      agents ${cyan(`127.0.0.1:${ports.agents}`)}   Kubernetes API ${cyan(`https://127.0.0.1:${ports.kubernetesApi}`)}   ${dim(`pid ${pidOf('kas')}`)}`,
    );
    this.#line(
      `${ok} ${bold('agentk')}   agent ${demoAgent.id} "${demoAgent.name}" of ${demoAgent.project}, connected through a reverse tunnel   ${dim(`pid ${pidOf('agentk')}`)}`,
    );
    this.#line(
      `${ok} ${bold('cluster')}  ${cluster.kind === 'simulated' ? 'simulated Kubernetes' : 'real cluster'} at ${cyan(cluster.url)}`,
    );
    this.#line(dim(`  data in ${near(data.folder)}, log in ${near(world.logFile)}`));
    this.#line(`${ok} ${bold('see it')}   ${cyan(`http://127.0.0.1:${ports.observability}/dashboard/`)}`);
    this.#line('');
    this.#line(bold('Try'));
    const config = near(data.kubeconfig);
    if (world.kubectl) {
      this.#line(`  kubectl --kubeconfig ${config} get pods,deployments`);
      this.#line(`  kubectl --kubeconfig ${config} get pods -w`);
    } else {
      const auth = `-H "Authorization: Bearer $(sed -n 's/.*token: "\\(ci:.*\\)".*/\\1/p' ${config})"`;
      this.#line(
        `  curl --cacert ${near(data.folder)}/kas-certificate.pem ${auth} https://127.0.0.1:${ports.kubernetesApi}/api/v1/namespaces/demo/pods`,
      );
      this.#line(dim('  (kubectl is not installed; with it: kubectl --kubeconfig … get pods -w)'));
    }
    this.#line(
      `  git clone ${near(data.repositories.manifests)} manifests   ${dim('# change manifests/greeting.yaml, push: it is in the cluster')}`,
    );
    this.#line(
      `  curl http://127.0.0.1:${ports.observability}/state   ${dim('# every agent with the state of its chart')}`,
    );
    this.#line(`  kill -9 ${pidOf('agentk')}   ${dim('# and watch it come back in the log')}`);
    this.#line('');
    this.#line(dim('Ctrl-C stops everything.'));
  }

  #paint(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#out });
  }

  #line(text: string): void {
    this.#out.write(`${text}\n`);
  }
}
