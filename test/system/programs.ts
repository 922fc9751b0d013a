/**
 * nginx and squid for the system tests, in the foreground and with everything in a folder of the test. Where one is not
 * installed the test fails and names the package: what is not tried is not known to work.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { until } from './world.ts';

function find(program: 'nginx' | 'squid'): string {
  // Debian keeps servers where only root's PATH looks.
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  throw new Error(`${program} is not installed, and this test needs it: apt-get install ${program}`);
}

class Program {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #name: string;
  #log = '';

  constructor(name: 'nginx' | 'squid', args: readonly string[], port: number) {
    this.#name = name;
    this.port = port;
    this.#child = spawn(find(name), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (data: Buffer) => (this.#log = (this.#log + data.toString()).slice(-20_000)));
    }
  }

  get log(): string {
    return this.#log;
  }

  async listening(): Promise<void> {
    await until(`${this.#name} to listen`, 30_000, async () => {
      if (this.#child.exitCode !== null) throw new Error(`${this.#name} ended:\n${this.#log}`);
      return (await accepts(this.port)) ? true : undefined;
    });
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGTERM');
    await gone;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export interface NginxOptions {
  readonly folder: string;
  readonly port: number;
  readonly certFile: string;
  readonly keyFile: string;
  /** Port of kas's agent listener. */
  readonly kasPort: number;
  /** `proxy_read_timeout`. */
  readonly readTimeout: string;
  /** False leaves out what passes an upgrade on. */
  readonly upgrades?: boolean;
}

/** TLS in front of kas, as GitLab's own nginx has it: `/-/kubernetes-agent/` leads to the agent listener. */
export async function startNginx(options: NginxOptions): Promise<Program> {
  const { port, certFile, keyFile, kasPort, readTimeout, upgrades = true } = options;
  const folder = join(options.folder, `nginx-${port}`);
  mkdirSync(folder);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const passed = upgrades
    ? 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
    : '';
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${folder}/nginx.pid;
error_log stderr;
worker_processes 1;
events {}
http {
  access_log off;
  ${temporary.join(' ')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${certFile};
    ssl_certificate_key ${keyFile};
    location / { default_type text/html; return 200 "<html>GitLab</html>"; }
    location /-/kubernetes-agent/ {
      proxy_pass http://127.0.0.1:${kasPort};
      proxy_http_version 1.1;
      ${passed}
      proxy_set_header Host $http_host;
      proxy_read_timeout ${readTimeout};
    }
  }
}
`,
  );
  const program = new Program('nginx', ['-e', 'stderr', '-p', folder, '-c', file], port);
  await program.listening();
  return program;
}

export interface Squid {
  readonly program: Program;
  /** Lines of its access log. */
  log(): string;
}

/** A proxy that wants a user and password, and for which `kas.example.com` is this machine. */
export async function startSquid(options: {
  readonly folder: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}): Promise<Squid> {
  const { port, user, password } = options;
  const folder = join(options.folder, `squid-${port}`);
  mkdirSync(folder);
  chmodSync(options.folder, 0o755);
  chmodSync(folder, 0o777); // squid leaves root by itself
  const hash = execFileSync('openssl', ['passwd', '-apr1', password]).toString().trim();
  writeFileSync(join(folder, 'passwords'), `${user}:${hash}\n`);
  writeFileSync(join(folder, 'hosts'), '127.0.0.1 kas.example.com localhost\n');
  const file = join(folder, 'squid.conf');
  writeFileSync(
    file,
    `http_port 127.0.0.1:${port}
pid_filename ${folder}/squid.pid
hosts_file ${folder}/hosts
visible_hostname proxy.example.com
auth_param basic program /usr/lib/squid/basic_ncsa_auth ${folder}/passwords
auth_param basic realm proxy
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
cache deny all
cache_mem 8 MB
access_log stdio:${folder}/access.log
cache_log ${folder}/cache.log
netdb_filename none
coredump_dir ${folder}
shutdown_lifetime 0 seconds
`,
  );
  const program = new Program('squid', ['-N', '-f', file], port);
  await program.listening();
  return { program, log: () => readFileSync(join(folder, 'access.log'), 'utf8') };
}
