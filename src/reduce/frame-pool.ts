/** Frames to be used again: fresh memory costs more than what is written to it. */
import { allocateSlab } from './slab-frame.js';

type Frame = ReturnType<typeof allocateSlab>;

export class FramePool {
  /** Frames that nobody reads any more, by the bytes of their payload. */
  readonly #free = new Map<number, Frame[]>();
  #used: Frame[] = [];

  take(payloadBytes: number): Frame {
    const frame = this.#free.get(payloadBytes)?.pop() ?? allocateSlab(payloadBytes);
    this.#used.push(frame);
    return frame;
  }

  /** All frames taken have arrived where they were sent. */
  release(): void {
    for (const frame of this.#used) {
      const size = frame.payload.length;
      if (!this.#free.has(size)) this.#free.set(size, []);
      this.#free.get(size)!.push(frame);
    }
    this.#used = [];
  }

  /** Frames taken may still wait in a socket: they are left to it. */
  forget(): void {
    this.#used = [];
  }
}
