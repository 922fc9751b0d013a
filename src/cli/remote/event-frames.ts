/** Reads server-sent events. */

export interface EventFrame {
  readonly event: string;
  /** Empty when the frame has none. */
  readonly id: string;
  readonly data: unknown;
}

const frameCharsMax = 16 * 1024 * 1024;

/** The frames of a body as they come; throws when one is too large or is not JSON. */
export async function* eventFrames(body: AsyncIterable<Uint8Array>): AsyncGenerator<EventFrame> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield frameOf(text.slice(0, end));
      text = text.slice(end + 2);
    }
    if (text.length > frameCharsMax) throw new Error('a frame is too large');
  }
}

function frameOf(text: string): EventFrame {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name = '', value = ''] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (name !== '') fields.set(name, value);
  }
  return {
    event: fields.get('event') ?? '',
    id: fields.get('id') ?? '',
    data: JSON.parse(fields.get('data') ?? 'null') as unknown,
  };
}
