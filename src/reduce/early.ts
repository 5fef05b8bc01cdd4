/** Frames of an all-reduce whose plan has not arrived yet: members get it at different times. */
import { WireError } from '../errors.js';
import type { SlabFrame } from './slab-frame.js';
import { SpareBuffers } from './spare-buffers.js';

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
  readonly #copies = new SpareBuffers();

  /** @param most that is kept of one sender; frames are counted too, for small ones take more memory than their bytes */
  constructor(most: Amount) {
    this.#most = most;
  }

  /** Copies a frame. @throws WireError when the sender is further ahead than the limit allows */
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
    this.#frames.push({ from, frame: { ...frame, payload: this.#copies.of(frame.payload) } });
  }

  clear(): void {
    this.#keep([]);
    this.#copies.clear();
  }

  /**
   * Hands out the frames of an all-reduce, which are gone when `replay` returns, and drops those of earlier ones.
   * @param refused told of each that `receive` throws a WireError for
   */
  replay(
    round: number,
    attempt: number,
    receive: (from: number, frame: SlabFrame) => void,
    refused: (from: number, error: WireError) => void,
  ): void {
    const order = ({ frame }: EarlyFrame) => frame.round - round || frame.attempt - attempt;
    const over = this.#frames.filter((early) => order(early) <= 0);
    this.#keep(this.#frames.filter((early) => order(early) > 0));
    for (const { from, frame } of over.filter((early) => order(early) === 0)) {
      try {
        receive(from, frame);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        refused(from, error);
      }
    }
    for (const { frame } of over) this.#copies.release(frame.payload);
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
