import { itIsAStore } from '../contract.ts';
import { itTellsPushes } from '../push-contract.ts';
import { openStore, redisServer, sectionOf, until } from './world.ts';

itIsAStore(async () => {
  const server = await redisServer({ unixSocket: true });
  const { store, clock } = await openStore({ section: sectionOf(server.address) });
  const elapse = async (ms: number) => {
    clock.shift(ms);
    await server.age(ms);
  };
  return { store, elapse, untilNextMinute: () => elapse(60_000 - (clock.now() % 60_000)) };
});

itTellsPushes(async () => {
  const server = await redisServer({ unixSocket: true });
  return (await openStore({ section: sectionOf(server.address) })).pushEvents;
}, until);
