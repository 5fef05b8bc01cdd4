/** The sending half of a connection: frames in order, blobs at the other side's pace, and how much is still to go. */
import type { LockstepError } from '../errors.js';
import { checkedHeader, type SlabParts } from '../reduce/slab-frame.js';
import type { BlobSource } from './blob.js';
import type { Traffic } from './connection.js';
import { blobChunk, encodeBlob, encodeControl, type Frame, following } from './frame.js';
import type { Message } from './messages.js';
import type { Channel, Sent } from './transport.js';

/** Blobs wait while more is queued. */
const highWater = 4 * 2 ** 20;

export class Sending {
  readonly bytes: Traffic = { control: 0, slab: 0, blob: 0 };
  readonly #channel: Channel;
  /** Number of the last control message. */
  #number = 0;
  #queued = 0;
  /** Bytes of blobs that are not queued yet. */
  #outstanding = 0;
  #waiting: (() => void)[] = [];
  #ended: LockstepError | undefined;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Bytes that the channel has not sent yet. */
  get queued(): number {
    return this.#queued;
  }

  /** Bytes that are queued, and those of blobs under way that are not. */
  get unsent(): number {
    return this.#queued + this.#outstanding;
  }

  message(message: Message): void {
    if (this.#ended) return;
    this.#number = following(this.#number);
    this.#write('control', encodeControl(message, this.#number));
  }

  slab(frame: SlabParts): void {
    if (this.#ended) return;
    // Who has a rank is sent slabs by MPI.
    const header = this.#channel.rank === undefined ? checkedHeader(frame) : frame.header;
    const { payload, sent } = frame;
    const counted = this.#counted('slab', header.length + payload.length);
    this.#channel.sendSlab(header, payload, (error) => {
      counted(error);
      if (!error) sent?.();
    });
  }

  /** @throws LockstepError that the connection has ended with */
  async blob(transfer: number, source: BlobSource, progress?: (bytes: number) => void): Promise<void> {
    let rest = source.length;
    this.#outstanding += rest;
    try {
      for (let offset = 0; rest > 0; offset += blobChunk) {
        const payload = await source.read(offset, Math.min(blobChunk, rest));
        await this.#drained();
        rest -= payload.length;
        this.#outstanding -= payload.length;
        this.#write('blob', encodeBlob({ transfer, offset, payload }));
        progress?.(offset + payload.length);
      }
    } finally {
      this.#outstanding -= rest;
    }
  }

  /** Nothing is sent from now on. @param error for those who wait */
  end(error: LockstepError): void {
    this.#ended = error;
    this.#wake();
  }

  /** Waits until little enough is queued for more. */
  async #drained(): Promise<void> {
    while (!this.#ended && this.#queued > highWater - blobChunk) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#ended) throw this.#ended;
  }

  #write(kind: Frame['kind'], frame: Buffer): void {
    this.#channel.send(frame, this.#counted(kind, frame.length));
  }

  #counted(kind: Frame['kind'], bytes: number): Sent {
    this.bytes[kind] += bytes;
    this.#queued += bytes;
    return (error) => {
      if (error) return;
      this.#queued -= bytes;
      this.#wake();
    };
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
