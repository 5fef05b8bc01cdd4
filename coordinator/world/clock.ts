/** Time as rounds see it: tests give them one that they move by hand. */

export interface Clock {
  /** Milliseconds, from any origin. */
  now(): number;
  /** Calls back once, after so many milliseconds. @returns what calls it off */
  after(milliseconds: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, Math.min(milliseconds, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};
