/** An answer that is written as things happen: an HTTP response, or whoever stands for one where there are no sockets. */
export interface OpenResponse {
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  /** Written and not yet taken by the reader. */
  readonly writableLength: number;
  readonly writableNeedDrain: boolean;
  writeHead(code: number, headers: Readonly<Record<string, string>>): unknown;
  flushHeaders(): void;
  write(text: string): boolean;
  end(): unknown;
  destroy(): unknown;
  once(event: 'close' | 'drain', listener: () => void): unknown;
  on(event: 'close' | 'drain', listener: () => void): unknown;
}
