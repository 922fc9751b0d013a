import { expect, it, onTestFinished } from 'vitest';
import { startRedisServer, type RedisServerOptions } from './redis-server.ts';

async function server(options: RedisServerOptions = {}) {
  const started = await startRedisServer(options);
  onTestFinished(() => started.stop());
  return started;
}

it.each([{ unixSocket: false }, { unixSocket: true }])(
  'serves, is killed and serves again, empty: %o',
  async (options) => {
    const redis = await server(options);
    await redis.command('SET', Buffer.from([0xff, 0x00]), 'v', 'PX', '60000');
    expect(await redis.keys()).toEqual([Buffer.from([0xff, 0x00])]);
    await redis.age(59_000);
    expect(await redis.keys()).toHaveLength(1);
    await redis.age(60_000);
    expect(await redis.keys()).toEqual([]);
    await redis.command('SET', 'k', 'v');
    await redis.kill();
    await redis.start();
    expect(await redis.keys()).toEqual([]);
  },
);

it('says why it does not start', async () => {
  await expect(startRedisServer({ args: ['--nonsense', 'yes'] })).rejects.toThrow(
    /did not start.*\n[^]*nonsense/,
  );
});
