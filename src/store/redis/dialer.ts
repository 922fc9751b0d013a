/**
 * Makes connections to Redis: to the one server, or to the one that the sentinels call the master (`spec/kas.md §2.3`).
 *
 * D1. The library's own reconnecting is off: the link's chart decides.
 * D2. A refusal (password, database, certificate) is told from an outage, with a remedy; both without secrets.
 * D3. Sentinels are asked in turn, beginning with the one that answered last. Who is called the master must also say so
 *     itself, else a failover has not come to its end.
 */
import { createClient, RESP_TYPES } from '@redis/client';
import type { Clock } from '../../ports/index.ts';
import { isReply, RedisConnection, type RedisClient } from './connection.ts';
import { plainText, StoreFailure } from './failure.ts';
import { redisLimits } from './limits.ts';
import { addressText, type Address, type RedisSettings, type SettingsSource } from './settings.ts';

export type Dialled =
  | { readonly kind: 'connected'; readonly connection: RedisConnection }
  | { readonly kind: 'refused' | 'unreachable'; readonly reason: string };

type Answer<T> = { readonly kind: 'ok'; readonly value: T } | Exclude<Dialled, { kind: 'connected' }>;

const clientName = 'gitlab-kas';

export class Dialer {
  readonly #source: SettingsSource;
  readonly #clock: Clock;
  /** 2 for servers that do not know the handshake of version 3. */
  #protocol: 2 | 3 = 3;
  #firstSentinel = 0;

  constructor(source: SettingsSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** Longest a dial may take: one step for the server and one for each sentinel. */
  get dialMsMax(): number {
    const { target, dialMs } = this.#source.present;
    return target.kind === 'server' ? dialMs : dialMs * (target.addresses.length + 1);
  }

  /** Never rejects. `onLost` is called once if the connection ends by itself. */
  async dial(onLost: (reason: string) => void, signal: AbortSignal): Promise<Dialled> {
    const { target, username, password, database } = await this.#source.read();
    const found: Answer<Address> =
      target.kind === 'server' ? { kind: 'ok', value: target.address } : await this.#askSentinels(signal);
    if (found.kind !== 'ok') return found;
    const opened = await this.#open(found.value, { username, password, database }, signal);
    if (opened.kind !== 'ok') return opened;
    const connection = new RedisConnection(opened.value, this.#clock, this.#source.present.callMs, onLost);
    const stray = await this.leadsToMaster(connection).then(
      (master) => (master ? undefined : 'it is no master yet'), // D3
      (error: unknown) => plainText(error),
    );
    if (stray === undefined) return { kind: 'connected', connection };
    connection.close();
    return {
      kind: 'unreachable',
      reason: `the sentinels name Redis at ${addressText(found.value)}, but ${stray}`,
    };
  }

  /** In sentinel setups: whether a connection leads to the master. Rejects when the connection fails. */
  async leadsToMaster(connection: RedisConnection): Promise<boolean> {
    return this.#source.present.target.kind === 'server' || isMaster(connection);
  }

  async #askSentinels(signal: AbortSignal): Promise<Answer<Address>> {
    const { target, username } = this.#source.present;
    if (target.kind !== 'sentinel') return { kind: 'unreachable', reason: 'no sentinels are configured' };
    const { addresses, masterName, password } = target;
    let last: Answer<Address> = { kind: 'unreachable', reason: 'no sentinel was asked' };
    for (let turn = 0; turn < addresses.length && !signal.aborted; turn++) {
      const index = (this.#firstSentinel + turn) % addresses.length;
      const address = addresses[index];
      if (address === undefined) continue;
      const opened = await this.#open(address, { username, password, database: 0 }, signal);
      last = opened.kind === 'ok' ? await this.#askMaster(opened.value, address, masterName) : opened;
      if (last.kind !== 'ok') continue;
      this.#firstSentinel = index;
      return last;
    }
    return last;
  }

  async #askMaster(client: RedisClient, sentinel: Address, masterName: string): Promise<Answer<Address>> {
    const connection = new RedisConnection(client, this.#clock, this.#source.present.dialMs, () => {});
    try {
      const reply = await connection.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName);
      if (!Array.isArray(reply)) {
        return {
          kind: 'unreachable',
          reason: `sentinel ${addressText(sentinel)} knows no master ${JSON.stringify(masterName)}, check redis.sentinel.master_name`,
        };
      }
      const [host, port] = reply.map(String);
      return { kind: 'ok', value: { kind: 'tcp', host: host ?? '', port: Number(port) } };
    } catch (error) {
      return { kind: 'unreachable', reason: `sentinel ${addressText(sentinel)}: ${plainText(error)}` };
    } finally {
      connection.close();
    }
  }

  async #open(address: Address, who: Credentials, signal: AbortSignal): Promise<Answer<RedisClient>> {
    const protocol = this.#protocol;
    const client = createClient(this.#options(address, who, protocol));
    let failure: unknown;
    client.on('error', (error: unknown) => (failure ??= error));
    const cancel = () => client.destroy();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      if (signal.aborted) throw new Error('cancelled');
      await client.connect();
      return { kind: 'ok', value: client };
    } catch (error) {
      client.destroy();
      if (protocol === 3 && isReply(error) && /unknown command|^NOPROTO/i.test(error.message)) {
        this.#protocol = 2;
        return await this.#open(address, who, signal);
      }
      return explain(failure ?? error, address, who);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  #options(address: Address, { username, password, database }: Credentials, protocol: 2 | 3) {
    const { dialMs, tls } = this.#source.present;
    const common = { connectTimeout: dialMs, reconnectStrategy: false } as const; // D1
    return {
      RESP: protocol,
      name: clientName,
      socket: socketOptions(address, tls, common),
      ...(username === '' ? {} : { username }),
      ...(password === '' ? {} : { password }),
      database,
      disableOfflineQueue: true,
      commandsQueueMaxLength: redisLimits.commandsPendingMax,
      maintNotifications: 'disabled',
      commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    } as const;
  }
}

interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly database: number;
}

interface SocketCommon {
  readonly connectTimeout: number;
  readonly reconnectStrategy: false;
}

function socketOptions(address: Address, tls: RedisSettings['tls'], common: SocketCommon) {
  // TLS over a socket of the file system is not a thing (`spec/kas.md §2.2`).
  if (address.kind === 'unix') return { ...common, path: address.path, tls: false } as const;
  const { host, port } = address;
  const tcp = { ...common, host, port, keepAlive: true, keepAliveInitialDelay: 1_000 };
  // The name the certificate must have is the host of the address, which is what Node checks.
  return tls === undefined ? tcp : { ...tls, ...tcp, tls: true as const };
}

async function isMaster(connection: RedisConnection): Promise<boolean> {
  try {
    const reply = await connection.call('ROLE');
    return Array.isArray(reply) && String(reply[0]) === 'master';
  } catch (error) {
    // A user who may not ask: writes will tell.
    if (error instanceof StoreFailure && error.kind === 'refused') return true;
    throw error;
  }
}

/** D2 */
function explain(
  error: unknown,
  address: Address,
  { password }: Credentials,
): Exclude<Dialled, { kind: 'connected' }> {
  const at = `Redis at ${addressText(address)}`;
  const text = plainText(error);
  if (isReply(error)) {
    if (/^(WRONGPASS|NOAUTH|ERR invalid password|ERR.*without any password)/i.test(text)) {
      const hint = /[\r\n]$/.test(password)
        ? '; the password file ends with a line break, which counts as part of the password'
        : '';
      return {
        kind: 'refused',
        reason: `${at} does not accept the credentials, check username and password_file under redis${hint}: ${text}`,
      };
    }
    const starting = /^(LOADING|MASTERDOWN|BUSY|ERR max number of clients)/.test(text);
    return { kind: starting ? 'unreachable' : 'refused', reason: `${at} refuses: ${text}` };
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/CERT|SELF_SIGNED|ALTNAME|ISSUER|VERIFY/.test(code)) {
    return {
      kind: 'refused',
      reason: `${at} has a certificate that is not trusted, check redis.tls.ca_certificate_file and the host name: ${text}`,
    };
  }
  return { kind: 'unreachable', reason: `${at} cannot be reached: ${text}` };
}
