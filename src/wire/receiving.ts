/** The receiving half of a connection: reads frames, sees which are missing or come twice, and keeps those that come early. */
import { WireError } from '../errors.js';
import type { Traffic } from './connection.js';
import { decodeFrame, type Frame, following, largestNumber } from './frame.js';

/** Bytes of frames that wait for handlers; more stay with the sender. */
const mostKept = 2 ** 20;

export class Receiving {
  readonly bytes: Traffic = { control: 0, slab: 0, blob: 0 };
  /** Number of the last control message. */
  #number = 0;
  #kept: Frame[] = [];
  #keptBytes = 0;

  /** Whether as much is kept as there may be. */
  get isFull(): boolean {
    return this.#keptBytes > mostKept;
  }

  /**
   * @param largest bytes that a control message may have
   * @returns undefined for a message that came before
   * @throws WireError when the bytes are no frame, or messages are missing before this one
   */
  read(bytes: Buffer, largest: number): Frame | undefined {
    const frame = decodeFrame(bytes, largest);
    this.bytes[frame.kind] += bytes.length;
    // Frames of slabs and blobs say themselves where they belong.
    return frame.kind === 'control' && this.#isRepeated(frame.number) ? undefined : frame;
  }

  keep(frame: Frame, bytes: number): void {
    this.#kept.push(frame);
    this.#keptBytes += bytes;
  }

  /** What was kept, in order; from then on nothing is. */
  release(): Frame[] {
    this.#keptBytes = 0;
    return this.#kept.splice(0);
  }

  /** Slabs that have landed are not read here. */
  countLanded(bytes: number): void {
    this.bytes.slab += bytes;
  }

  #isRepeated(number: number): boolean {
    if (number === 0) return false;
    const expected = following(this.#number);
    if (number !== expected) {
      if ((expected - number + largestNumber) % largestNumber < largestNumber / 2) return true;
      throw new WireError(
        `sent message ${number} where message ${expected} was due`,
        'see what the other side says; it can connect again',
      );
    }
    this.#number = number;
    return false;
  }
}
