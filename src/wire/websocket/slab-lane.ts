/**
 * The way of slabs along a WebSocket: next to ws, over the same socket and in the same messages (RFC 6455, 5.2), but
 * without its copies. A slab is sent from where it lies. Once the other side has sent one, reads land in memory that
 * kernels reach; messages that are slabs are handed out there, and all other bytes are passed on to ws.
 */
import type { Socket } from 'node:net';
import type { Landing } from '../../reduce/landings.js';
import { isSlab, largestSlab } from '../frame.js';
import type { ChannelEvents, Sent } from '../transport.js';
import { readDirectly } from './direct-read.js';

/** What is told of what arrives. */
type LaneEvents = Pick<ChannelEvents, 'arrived' | 'landed'>;

/** First byte of a message of one binary frame. */
const wholeBinary = 0x82;
const maskBit = 0x80;
const maskBytes = 4;
const longestHead = 2 + 8 + maskBytes;

interface Opening {
  /** Bytes of header and content. */
  readonly head: number;
  readonly content: number;
  /** Whether it is whole, binary, and masked with zeros if at all. */
  readonly isPlain: boolean;
}

/** What the header of a WebSocket frame says; undefined where it is cut off. */
function openFrame(bytes: Uint8Array, at: number, end: number): Opening | undefined {
  if (end - at < 2) return undefined;
  const short = bytes[at + 1] & 0x7f;
  const masked = (bytes[at + 1] & maskBit) !== 0;
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const head = 2 + lengthBytes + (masked ? maskBytes : 0);
  if (end - at < head) return undefined;
  let content = lengthBytes === 0 ? short : 0;
  for (let i = 0; i < lengthBytes; i++) content = content * 256 + bytes[at + 2 + i];
  const mask = masked ? bytes.subarray(at + head - maskBytes, at + head) : [];
  return { head, content, isPlain: bytes[at] === wholeBinary && mask.every((byte) => byte === 0) };
}

/** Header of a whole binary message. A mask of zeros is not applied. */
function frameHeader(content: number, masked: boolean): Buffer {
  const lengthBytes = content < 126 ? 0 : content < 65536 ? 2 : 8;
  const header = Buffer.alloc(2 + lengthBytes + (masked ? maskBytes : 0));
  header[0] = wholeBinary;
  header[1] = (masked ? maskBit : 0) | (lengthBytes === 0 ? content : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes > 0) header.writeUIntBE(content, 2 + Math.max(0, lengthBytes - 6), Math.min(6, lengthBytes));
  return header;
}

const none = Buffer.alloc(0);

export class SlabLane {
  readonly #socket: Socket;
  readonly #masked: boolean;
  readonly #told: LaneEvents;
  /** Bytes of the message under way that are still to be passed to ws. */
  #rest = 0;
  /** A header that is cut off; ws has it already. */
  #cut: Buffer = none;
  #landing: Landing | undefined;
  #isDirect = false;
  /** What has landed and is not dealt with. */
  #start = 0;
  #end = 0;
  /** Bytes of the last slab message: reads that end with one leave nothing to be moved. */
  #usual = 0;

  /** @param masked whether this side called: the protocol has callers mask */
  constructor(socket: Socket, masked: boolean, told: LaneEvents) {
    this.#socket = socket;
    this.#masked = masked;
    this.#told = told;
    socket.on('data', (piece: Buffer) => {
      if (this.#isDirect) return;
      told.arrived(piece.length);
      this.#follow(piece);
    });
    socket.once('close', () => this.#landing?.release());
  }

  /** Sends a message of two parts, which must stay as they are until `sent` is called. */
  send(header: Uint8Array, payload: Uint8Array, sent: Sent): void {
    const socket = this.#socket;
    socket.cork();
    socket.write(Buffer.concat([frameHeader(header.length + payload.length, this.#masked), header]));
    socket.write(payload, sent);
    socket.uncork();
  }

  /** From the next message on, slabs are received there. @param find asked for a place if there is none yet */
  land(find: () => Landing | undefined): void {
    if (!this.#landing && !this.#socket.destroyed) this.#landing = find();
  }

  /** Knows where messages begin in what ws reads, to take over between two. */
  #follow(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#rest === 0) {
        const bytes = this.#cut.length > 0 ? Buffer.concat([this.#cut, piece.subarray(at)]) : piece.subarray(at);
        const opening = openFrame(bytes, 0, bytes.length);
        if (!opening) {
          this.#cut = Buffer.from(bytes);
          return;
        }
        this.#rest = opening.head + opening.content - this.#cut.length;
        this.#cut = none;
      }
      const passed = Math.min(this.#rest, piece.length - at);
      this.#rest -= passed;
      at += passed;
    }
    if (this.#landing && this.#socket.readableLength === 0) {
      this.#isDirect = readDirectly(this.#socket, { next: () => this.#next(), took: (bytes) => this.#took(bytes) });
    }
  }

  #next(): Uint8Array {
    const { bytes } = this.#landing!;
    const whole = this.#usual > 0 ? Math.floor(bytes.length / this.#usual) * this.#usual : 0;
    return bytes.subarray(this.#end, whole > this.#end ? whole : bytes.length);
  }

  #took(count: number): boolean {
    const { bytes } = this.#landing!;
    this.#end += count;
    this.#told.arrived(count);
    let goOn = true;
    while (this.#start < this.#end && !this.#socket.destroyed) {
      if (this.#rest === 0) {
        const opening = openFrame(bytes, this.#start, this.#end);
        if (!opening) break;
        const size = opening.head + opening.content;
        const kind = this.#kindOf(opening, bytes);
        if (kind === 'unknown' || (kind === 'slab' && this.#start + size > this.#end)) break;
        if (kind === 'slab') {
          this.#start += size;
          this.#usual = size;
          this.#told.landed(bytes.subarray(this.#start - opening.content, this.#start));
          continue;
        }
        this.#rest = size;
      }
      const passed = Math.min(this.#rest, this.#end - this.#start);
      goOn = this.#socket.push(Buffer.from(bytes.subarray(this.#start, this.#start + passed)));
      this.#start += passed;
      this.#rest -= passed;
    }
    this.#makeRoom(bytes);
    return goOn;
  }

  /** Of a message. While ws has something to read yet, slabs wait behind that: they go to ws too. */
  #kindOf({ head, content, isPlain }: Opening, bytes: Uint8Array): 'slab' | 'other' | 'unknown' {
    const { readableLength, readableFlowing } = this.#socket;
    if (!isPlain || content === 0 || content > largestSlab) return 'other';
    if (readableLength > 0 || !readableFlowing) return 'other';
    const first = this.#start + head;
    if (first === this.#end) return 'unknown';
    return isSlab(bytes[first]) ? 'slab' : 'other';
  }

  /** A slab message that is cut off is moved to where the rest of it has room. */
  #makeRoom(bytes: Uint8Array): void {
    const left = this.#end - this.#start;
    if (left > 0 && bytes.length - this.#start >= largestSlab + longestHead) return;
    bytes.copyWithin(0, this.#start, this.#end);
    [this.#start, this.#end] = [0, left];
  }
}
