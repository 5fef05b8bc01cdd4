/**
 * A line between two processes of one machine: large slabs are read from the memory of who sends them, in one copy, and all else goes by
 * the socket, which keeps the order. Where one side may not read the other (another user, a container, a system without that), its slabs
 * go by the socket too. Nothing is left behind by a process that dies.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Landing } from '../../reduce/landings.js';
import { SLAB_HEADER } from '../../reduce/slab-frame.js';
import { largestSlab } from '../frame.js';
import type { Channel, ChannelEvents, OpenChannel, Sent } from '../transport.js';
import { foreignMemory } from './foreign-memory.js';
import { decodeNeighbourWord, encodeNeighbourWord, type NeighbourWord } from './neighbour-words.js';
import { endsOf, type LineEnds, OwnSeal, SealedMemory, sealBytes } from './seal.js';

/** Bytes of payloads from which on reading them takes less time than sending them. */
const large = 32_768;
/** Where a payload starts in its landing: kernels like that. */
const alignment = 64;
/** Milliseconds that the other side has to read what it was told of, when this side closes the line. */
const endLimit = 2000;

const nothing = (): void => {};

export class NeighbourChannel implements Channel {
  readonly #inner: Channel;
  readonly #events: ChannelEvents;
  readonly #isCaller: boolean;
  /** None where the other side is no neighbour. */
  readonly #ends: LineEnds | undefined;
  #isAdmitted = false;
  /** What this side has asked the other to show. */
  #nonce: Buffer | undefined;
  readonly #own = new OwnSeal();
  /** Whether the other side reads what it is told of. */
  #isRead = false;
  /** Slabs that the other side has not read yet, which stay in memory until then. */
  readonly #unread: { readonly payload: Uint8Array; readonly sent: Sent }[] = [];
  #theirs: SealedMemory | undefined;
  #landing: Landing | undefined;
  /** Slabs that were read, and of which the other side has not heard. */
  #taken = 0;
  #closing: NodeJS.Timeout | undefined;

  /**
   * @param raw the socket of the line
   * @param isCaller whether this side called the other
   */
  constructor(raw: Socket, isCaller: boolean, open: OpenChannel, events: ChannelEvents) {
    this.#ends = endsOf(raw);
    this.#isCaller = isCaller;
    this.#events = events;
    this.#inner = open({ ...events, frame: (frame) => this.#frame(frame), closed: (problem) => this.#closed(problem) });
  }

  get host(): string {
    return this.#inner.host;
  }
  get address(): string {
    return this.#inner.address;
  }

  send(frame: Uint8Array, sent: Sent): void {
    this.#inner.send(frame, sent);
  }

  sendSlab(header: Uint8Array, payload: Uint8Array, sent: Sent): void {
    if (!this.#isRead || payload.length < large) {
      this.#inner.sendSlab(header, payload, sent);
      return;
    }
    this.#unread.push({ payload, sent });
    this.#say({ kind: 'slab', bytes: payload.length, at: foreignMemory()!.address(payload), header });
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  admitted(): void {
    this.#inner.admitted();
    this.#isAdmitted = true;
    // One that does not ask hears nothing of this.
    if (this.#isCaller) this.#challenge();
  }

  close(cause: 'done' | 'violation'): void {
    if (cause === 'violation' || this.#unread.length === 0) this.#inner.close(cause);
    else this.#closing ??= setTimeout(() => this.#inner.close(cause), endLimit);
  }

  terminate(): void {
    this.#own.wipe();
    this.#inner.terminate();
  }

  #say(said: NeighbourWord): void {
    this.#inner.send(encodeNeighbourWord(said), nothing);
  }

  #challenge(): void {
    if (!this.#ends || this.#nonce || !foreignMemory()) return;
    this.#nonce = randomBytes(sealBytes);
    this.#say({ kind: 'challenge', nonce: this.#nonce });
  }

  #frame(frame: Buffer): void {
    const said = this.#isAdmitted ? decodeNeighbourWord(frame) : undefined;
    if (said) this.#hear(said);
    else this.#events.frame(frame);
  }

  #hear(said: NeighbourWord): void {
    switch (said.kind) {
      case 'challenge': {
        const memory = this.#ends && foreignMemory();
        if (!memory) break;
        const at = memory.address(this.#own.show(said.nonce, this.#ends!));
        this.#say({ kind: 'answer', pid: process.pid, at });
        this.#challenge();
        break;
      }
      case 'answer':
        this.#verify(said.pid, said.at);
        break;
      case 'ready':
        this.#isRead = true;
        break;
      case 'slab':
        this.#read(said);
        break;
      case 'taken':
        for (const { sent } of this.#unread.splice(0, said.count)) sent();
        if (this.#closing && this.#unread.length === 0) this.#inner.close('done');
        break;
    }
  }

  #verify(pid: number, at: bigint): void {
    const memory = foreignMemory();
    if (!this.#nonce || !this.#ends || !memory || this.#theirs) return;
    const theirs = new SealedMemory(memory, pid, at, this.#nonce, this.#ends);
    if (!theirs.read([], [])) return;
    this.#theirs = theirs;
    this.#say({ kind: 'ready' });
  }

  #read({ bytes, at, header }: Extract<NeighbourWord, { kind: 'slab' }>): void {
    if (!this.#theirs || bytes > largestSlab - SLAB_HEADER) {
      this.#events.unreadable(`said that ${bytes} bytes of a slab are in its memory`);
      return;
    }
    this.#landing ??= this.#events.landing();
    const whole = SLAB_HEADER + bytes;
    const start = alignment - SLAB_HEADER;
    const frame = this.#landing?.bytes.subarray(start, start + whole) ?? Buffer.from(new SharedArrayBuffer(whole));
    frame.set(header);
    if (!this.#theirs.read([{ at, bytes }], [frame.subarray(SLAB_HEADER)])) {
      this.#events.failed('connection lost (its memory cannot be read any more)');
      this.terminate();
      return;
    }
    if (this.#taken++ === 0) setImmediate(() => this.#tellTaken());
    this.#events.arrived(bytes);
    if (this.#landing) this.#events.landed(frame);
    else this.#events.frame(frame as Buffer);
  }

  #tellTaken(): void {
    this.#say({ kind: 'taken', count: this.#taken });
    this.#taken = 0;
  }

  #closed(problem: string): void {
    clearTimeout(this.#closing);
    this.#own.wipe();
    this.#landing?.release();
    this.#landing = undefined;
    this.#events.closed(problem);
  }
}
