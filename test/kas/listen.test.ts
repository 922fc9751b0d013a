import { createServer } from 'node:net';
import { spawnSync } from 'node:child_process';
import { lstat, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listen, parseListenAddress } from '../../src/kas/listen.ts';

describe('a listen address', () => {
  it.each([
    ['tcp', '127.0.0.1:8150', '127.0.0.1', 8150, '127.0.0.1:8150'],
    ['tcp', ':8150', '::', 8150, ':8150'],
    ['tcp4', ':8150', '0.0.0.0', 8150, ':8150'],
    ['tcp6', ':0', '::', 0, ':0'],
    ['tcp', '[::1]:80', '::1', 80, '[::1]:80'],
    ['tcp', 'localhost:80', 'localhost', 80, 'localhost:80'],
  ])('%s %s is host %s and port %d', (network, address, host, port, text) => {
    const parsed = parseListenAddress(network, address);
    expect([parsed.host, parsed.port, parsed.text(port), parsed.socketPath]).toEqual([
      host,
      port,
      text,
      undefined,
    ]);
  });

  it('of a unix socket is its path', () => {
    const parsed = parseListenAddress('unix', '/run/kas:1.sock');
    expect([parsed.socketPath, parsed.text(0)]).toEqual(['/run/kas:1.sock', '/run/kas:1.sock']);
  });

  it.each(['', '8150', 'host', 'host:', 'host:99999', '::1:80', 'host:80:90', 'host:-1'])(
    '%j is refused with what to write instead',
    (address) => {
      expect(() => parseListenAddress('tcp', address)).toThrow(
        `listen address ${JSON.stringify(address)}: expected host:port`,
      );
    },
  );
});

describe('binding', () => {
  it('answers the port that was chosen', async () => {
    const server = createServer();
    expect(await listen(server, parseListenAddress('tcp', '127.0.0.1:0'))).toBeGreaterThan(0);
    server.close();
  });

  it('rejects with the reason when the port is taken', async () => {
    const first = createServer();
    const port = await listen(first, parseListenAddress('tcp', '127.0.0.1:0'));
    await expect(listen(createServer(), parseListenAddress('tcp', `127.0.0.1:${port}`))).rejects.toThrow(
      'EADDRINUSE',
    );
    first.close();
  });

  it('works on a socket path', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kastor-listen-'));
    const server = createServer();
    expect(await listen(server, parseListenAddress('unix', join(folder, 's')))).toBe(0);
    server.close();
    await rm(folder, { recursive: true });
  });

  it('replaces the socket of a process that was killed, and none that is in use or is another thing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kastor-listen-'));
    const path = join(folder, 's');
    const address = parseListenAddress('unix', path);
    const leave = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['--eval', leave, path]);
    expect((await lstat(path)).isSocket()).toBe(true);
    const server = createServer();
    expect(await listen(server, address)).toBe(0);
    await expect(listen(createServer(), address)).rejects.toThrow('EADDRINUSE');
    server.close();
    await writeFile(join(folder, 'f'), 'mine');
    await expect(listen(createServer(), parseListenAddress('unix', join(folder, 'f')))).rejects.toThrow(
      'EADDRINUSE',
    );
    expect(await readFile(join(folder, 'f'), 'utf8')).toBe('mine');
    await rm(folder, { recursive: true });
  });
});
