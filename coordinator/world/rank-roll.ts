/** Ranks of a job that come to its coordinator: each comes once, and all go by the same number of them. */
import { type LockstepError, RefusedError, WireError } from '../../src/errors.js';
import type { Hello } from '../../src/wire/messages.js';

/** A rank that is here. */
interface Present {
  readonly rank: Hello['rank'];
  readonly membership: string;
}

export class RankRoll {
  readonly #size: number;
  readonly #patience: number;
  /** Who was put off last, of each rank, and since when. */
  readonly #waiting = new Map<number, { readonly membership: string; readonly since: number }>();

  /**
   * @param size ranks of the job
   * @param patience milliseconds after which a rank that has died is no longer here, whatever became of its line: one that was started
   *   in its place comes in then
   */
  constructor(size: number, patience: number) {
    this.#size = size;
    this.#patience = patience;
  }

  /**
   * @param here the ranks that take part
   * @returns why it does not come in: a RefusedError if it never will, else a WireError; and whether it was told that before
   */
  refusal(
    { rank, membership }: Pick<Hello, 'rank' | 'membership'>,
    here: readonly Present[],
    now: number,
  ): { readonly error: LockstepError; readonly again: boolean } | undefined {
    if (rank === null) return undefined;
    if (rank.size !== this.#size) {
      const error = new RefusedError(
        `it is rank ${rank.number} of ${rank.size}, and rank 0 goes by ${this.#size} ranks`,
        'give every rank the same --size, or what started them the same number',
      );
      return { error, again: false };
    }
    const isTaken = here.some((other) => other.rank?.number === rank.number && other.membership !== membership);
    if (!isTaken) return undefined;
    const before = this.#waiting.get(rank.number);
    const again = before?.membership === membership;
    if (!again) this.#waiting.set(rank.number, { membership, since: now });
    const isFinal = again && now - before.since > this.#patience;
    const told = [
      `rank ${rank.number} is here already, and another process says that it is rank ${rank.number}`,
      `give each process a --rank of its own, from 0 to ${this.#size - 1}`,
    ] as const;
    return { error: isFinal ? new RefusedError(...told) : new WireError(...told), again: again && !isFinal };
  }
}
