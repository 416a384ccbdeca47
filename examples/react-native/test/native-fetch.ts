import { EventEmitter } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

/** The native half of a response of `expo/fetch`: it emits the body once that is asked for. */
class NativeResponse extends EventEmitter {
  incoming: IncomingMessage | undefined;
  url = '';
  readonly redirected = false;

  get _rawHeaders(): [string, string][] {
    return Object.entries(this.incoming?.headersDistinct ?? {}).map(([name, values = []]) => [name, values.join(', ')]);
  }
  get status(): number {
    return this.incoming?.statusCode ?? -1;
  }
  get statusText(): string {
    return this.incoming?.statusMessage ?? '';
  }

  /** Null: what comes is emitted. Native code may also return the whole body, where it is there already. */
  async startStreaming(): Promise<null> {
    this.incoming?.on('data', (data: Uint8Array) => this.emit('didReceiveResponseData', data));
    this.incoming?.once('end', () => this.emit('didComplete'));
    this.incoming?.once('error', ({ message }) => this.emit('didFailWithError', message));
    return null;
  }
  cancelStreaming(): void {
    this.incoming?.destroy();
  }
  async text(): Promise<string> {
    return this.incoming ? text(this.incoming) : '';
  }
}

/** The native half of a request of `expo/fetch`. */
class NativeRequest {
  readonly #response: NativeResponse;
  #request: ClientRequest | undefined;

  constructor(response: NativeResponse) {
    this.#response = response;
  }
  start(url: string, init: { method: string; headers: [string, string][] }, body: Uint8Array | null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#request = request(url, { method: init.method, headers: Object.fromEntries(init.headers) }, (incoming) => {
        Object.assign(this.#response, { incoming, url });
        resolve();
      });
      this.#request.on('error', reject).end(body);
    });
  }
  cancel(): void {
    this.#request?.destroy();
  }
}

export function requireNativeModule(): object {
  return { NativeRequest, NativeResponse };
}
