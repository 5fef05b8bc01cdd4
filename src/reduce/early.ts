/** Frames of an exchange whose plan has not arrived yet: members get it at different times. */
import { WireError } from '../errors.js';
import type { SlabFrame } from './slab-frame.js';

interface EarlyFrame {
  readonly from: number;
  readonly frame: SlabFrame;
}

export class EarlyFrames {
  readonly #limit: number;
  #frames: EarlyFrame[] = [];

  /** @param limit bytes of payloads that are kept of one sender */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws WireError when the sender is further ahead than the limit allows */
  keep(from: number, frame: SlabFrame): void {
    const ahead = this.#frames.reduce(
      (sum, early) => (early.from === from ? sum + early.frame.payload.length : sum),
      0,
    );
    if (ahead + frame.payload.length > this.#limit) {
      throw new WireError(
        `member ${from} sent more than ${this.#limit} bytes of round ${frame.round} before its plan was here`,
        'it is dropped; it must run the same version of Lockstep',
      );
    }
    this.#frames.push({ from, frame });
  }

  clear(): void {
    this.#frames = [];
  }

  /** Takes out the frames of an exchange, and drops those of earlier ones. */
  take(round: number, attempt: number): EarlyFrame[] {
    const order = ({ frame }: EarlyFrame) => frame.round - round || frame.attempt - attempt;
    const taken = this.#frames.filter((early) => order(early) === 0);
    this.#frames = this.#frames.filter((early) => order(early) > 0);
    return taken;
  }
}
