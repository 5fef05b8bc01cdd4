/** Frames of an exchange whose plan has not arrived yet: members get it at different times. */
import { WireError } from '../errors.js';
import type { SlabFrame } from './slab-frame.js';

interface EarlyFrame {
  readonly from: number;
  readonly frame: SlabFrame;
}

interface Amount {
  readonly bytes: number;
  readonly frames: number;
}

export class EarlyFrames {
  readonly #most: Amount;
  #frames: EarlyFrame[] = [];
  /** What is kept of each sender. */
  readonly #ahead = new Map<number, Amount>();

  /** @param most that is kept of one sender; frames are counted too, for small ones take more memory than their bytes */
  constructor(most: Amount) {
    this.#most = most;
  }

  /** @throws WireError when the sender is further ahead than the limit allows */
  keep(from: number, frame: SlabFrame): void {
    const before = this.#ahead.get(from) ?? { bytes: 0, frames: 0 };
    const ahead = { bytes: before.bytes + frame.payload.length, frames: before.frames + 1 };
    if (ahead.bytes > this.#most.bytes || ahead.frames > this.#most.frames) {
      throw new WireError(
        `member ${from} sent more than ${this.#most.bytes} bytes, or ${this.#most.frames} frames, of round ${frame.round} before its plan was here`,
        'it is dropped; it must run the same version of Lockstep',
      );
    }
    this.#ahead.set(from, ahead);
    this.#frames.push({ from, frame });
  }

  clear(): void {
    this.#keep([]);
  }

  /** Takes out the frames of an exchange, and drops those of earlier ones. */
  take(round: number, attempt: number): EarlyFrame[] {
    const order = ({ frame }: EarlyFrame) => frame.round - round || frame.attempt - attempt;
    const taken = this.#frames.filter((early) => order(early) === 0);
    this.#keep(this.#frames.filter((early) => order(early) > 0));
    return taken;
  }

  #keep(frames: EarlyFrame[]): void {
    this.#frames = frames;
    this.#ahead.clear();
    for (const { from, frame } of frames) {
      const { bytes, frames } = this.#ahead.get(from) ?? { bytes: 0, frames: 0 };
      this.#ahead.set(from, { bytes: bytes + frame.payload.length, frames: frames + 1 });
    }
  }
}
