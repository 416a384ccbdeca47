/** Opcodes of text and of bytes: some services send text in binary messages. */
const messageOpcodes = [1, 2];
const switchingProtocols = 'HTTP/1.1 101 ';

/**
 * Swaps messages in what a server sends on one WebSocket: of those that `isSwapped` chooses, each second one goes in
 * front of the first. All other bytes pass as they are, and so do compressed messages, which cannot be read here.
 */
export class MessageSwaps {
  readonly #isSwapped: (text: string) => boolean;
  #mode: 'head' | 'frames' | 'other' = 'head';
  #bytes: Buffer = Buffer.alloc(0);
  #held: Buffer | undefined;

  constructor(isSwapped: (text: string) => boolean) {
    this.#isSwapped = isSwapped;
  }

  /** Takes what came, and answers what goes on. */
  pass(bytes: Buffer): Buffer {
    if (this.#mode === 'other') return bytes;
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const out: Buffer[] = [];
    if (this.#mode === 'head') out.push(this.#readHead());
    while (this.#mode === 'frames') {
      const length = frameLength(this.#bytes);
      if (length === undefined || this.#bytes.length < length) break;
      out.push(...this.#ordered(this.#take(length)));
    }
    return Buffer.concat(out);
  }

  #readHead(): Buffer {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0) return Buffer.alloc(0);
    const isSocket = this.#bytes.toString('latin1', 0, switchingProtocols.length) === switchingProtocols;
    this.#mode = isSocket ? 'frames' : 'other';
    return this.#take(isSocket ? end + 4 : this.#bytes.length);
  }

  #ordered(frame: Buffer): Buffer[] {
    const held = this.#held;
    const isHeld = this.#chooses(frame);
    this.#held = isHeld && !held ? frame : undefined;
    if (!isHeld) return held ? [held, frame] : [frame];
    return held ? [frame, held] : [];
  }

  /** Only whole messages: bits for the end of the message and the opcode, none for extensions. */
  #chooses(frame: Buffer): boolean {
    const isWhole = messageOpcodes.some((opcode) => frame[0] === (0x80 | opcode));
    return isWhole && this.#isSwapped(frame.toString('utf8', payloadStart(frame)));
  }

  #take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }
}

/** RFC 6455 section 5.2. What a server sends is not masked. */
function payloadStart(frame: Buffer): number {
  const size = (frame[1] ?? 0) & 0x7f;
  return size === 127 ? 10 : size === 126 ? 4 : 2;
}

function frameLength(bytes: Buffer): number | undefined {
  const start = payloadStart(bytes);
  if (bytes.length < start) return undefined;
  const size = (bytes[1] ?? 0) & 0x7f;
  if (size === 127) return start + Number(bytes.readBigUInt64BE(2));
  return start + (size === 126 ? bytes.readUInt16BE(2) : size);
}
