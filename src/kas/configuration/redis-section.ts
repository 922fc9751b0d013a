/** The `redis` section: one server, or sentinels that know it. */
import { z } from 'zod';
import { count, duration, durationIfSet, flag, requiredText, text, wholeNumber } from './scalars.ts';
import { checkTlsPair, section, tlsPair } from './sections.ts';

const server = section({ address: requiredText('host:port of Redis, or the path of its socket') });

const sentinel = section({
  master_name: requiredText('the name the sentinels know the server by'),
  addresses: z
    .array(requiredText('host:port of a sentinel'), { error: 'expected a list of addresses' })
    .default([])
    .refine((list) => list.length > 0, { error: 'value must have at least 1 item: host:port of a sentinel' }),
  sentinel_password_file: text(''),
});

const network = text('tcp').refine((value): value is 'tcp' | 'unix' => value === 'tcp' || value === 'unix', {
  error: 'value must be one of tcp, unix',
});

export const redisSection = section({
  server: server.optional(),
  sentinel: sentinel.optional(),
  network,
  username: text(''),
  password_file: text(''),
  database_index: wholeNumber(0x7fff_ffff).default(0),
  dial_timeout: duration(5_000),
  write_timeout: duration(3_000),
  key_prefix: text('gitlab-kas'),
  tls: section({ enabled: flag(false), ...tlsPair, ca_certificate_file: text('') })
    .superRefine(checkTlsPair)
    .prefault({}),
  // Deprecated in the originals: checked, not used.
  read_timeout: durationIfSet(),
  idle_timeout: durationIfSet(),
  pool_size: count(0),
}).superRefine((redis, ctx) => {
  if ((redis.server === undefined) !== (redis.sentinel === undefined)) return;
  ctx.addIssue({
    code: 'custom',
    message:
      redis.server === undefined
        ? 'value is required: write the section server (with address) or sentinel (with master_name and addresses)'
        : 'server and sentinel exclude each other: remove one of them',
  });
});
