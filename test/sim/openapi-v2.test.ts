/** What kubectl before OpenAPI v3 asks for before it creates or applies anything (Debian 12 has 1.20). */
import { expect, it } from 'vitest';
import { simulatedWorld } from './simulated-world.ts';

const asked = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

it('describes itself, with no kinds, to a kubectl that takes protobuf only', async () => {
  const world = await simulatedWorld();
  try {
    const answer = await world.admin.get('/openapi/v2', { accept: asked });
    expect(answer.status).toBe(200);
    expect(answer.header('content-type')).toBe(asked.replace('@', '.'));
    // swagger "2.0"; info { title, version }; paths {}
    expect(Buffer.from(answer.text).toString('hex')).toBe(
      '0a03322e3012150a0a4b756265726e65746573120776312e33322e304200',
    );
    expect((await world.admin.get('/openapi/v2', { accept: 'text/html' })).status).toBe(406);
  } finally {
    await world.close();
  }
});
