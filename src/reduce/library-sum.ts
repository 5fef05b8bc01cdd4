/** This member's part in sums that the message-passing library of its job makes. */
import { noLibrary, type OwnSum, ownSum } from './all-reduce-checks.js';
import type { AllReduceOptions } from './all-reduce-options.js';
import { normBlocks, sumSquares, totalSquares } from './norm.js';
import type { AllReducePlan } from './plan.js';
import { checkPlan } from './routes.js';

export class LibrarySum {
  readonly #options: AllReduceOptions;
  #waiting: AbortController | undefined;
  #bytes = 0;

  constructor(options: AllReduceOptions) {
    this.#options = options;
  }

  /** What the best of algorithms sends, and receives, for the last sum. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * As of AllReduce.
   * @throws WireError for a plan that cannot be followed, as where this process is not of a job
   */
  async add(plan: AllReducePlan, own: readonly OwnSum[]): Promise<number> {
    const { self, memory, kernels, layout, total, collective: find } = this.#options;
    checkPlan(plan, self);
    const [first, ...others] = plan.members.find(({ id }) => id === self)!.nodes.map((node) => ownSum(node, own));
    const collective = find?.();
    if (!collective) throw noLibrary();
    const slab = (offset: number) => new Float32Array(memory.buffer, offset, layout.state);
    const numbers = slab(total);
    const isOne = first && others.length === 0;
    if (!first) numbers.fill(0);
    else if (!isOne) kernels.copy(total, first.offset, layout.state);
    for (const { offset } of others) kernels.add(total, offset, layout.state);
    this.#waiting = new AbortController();
    await collective.add(isOne ? slab(first.offset) : numbers, numbers, this.#waiting.signal);
    const sums = new Float64Array(normBlocks(layout.trainable));
    sumSquares(kernels, total, layout.trainable, 0, sums.length, sums);
    this.#bytes = Math.round((numbers.byteLength * 2 * (collective.size - 1)) / collective.size);
    return totalSquares(sums);
  }

  /** Ends the wait for the others, if there is one; what comes next is another sum. */
  abort(error: Error): void {
    this.#waiting?.abort(error);
    this.#waiting = undefined;
    this.#bytes = 0;
  }
}
