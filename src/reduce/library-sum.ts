/** This member's part in sums that the message-passing library of its job makes. */
import { noLibrary, type OwnSum, ownSum } from './all-reduce-checks.js';
import type { AllReduceOptions } from './all-reduce-options.js';
import type { AllReducePlan } from './plan.js';
import { checkPlan } from './routes.js';

export class LibrarySum {
  readonly #options: AllReduceOptions;
  #stop = new AbortController();
  #isUnderWay = false;
  #bytes = 0;
  #place = 0;

  constructor(options: AllReduceOptions) {
    this.#options = options;
  }

  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /** What the best of algorithms sends, and receives, for the last sum. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Byte offset of the last sum. */
  get place(): number {
    return this.#place;
  }

  /**
   * As of AllReduce. The sum takes the place of the first that is held: whoever adds up somewhere else copies all numbers before.
   * @throws WireError for a plan that cannot be followed, as where this process is not of a job
   */
  async add(plan: AllReducePlan, own: readonly OwnSum[]): Promise<number> {
    const { self, memory, kernels, layout, total, collective: find } = this.#options;
    checkPlan(plan, self);
    const [first, ...others] = plan.members.find(({ id }) => id === self)!.nodes.map((node) => ownSum(node, own));
    const collective = find?.();
    if (!collective) throw noLibrary();
    const { state: count, trainable } = layout;
    this.#place = first?.offset ?? total;
    if (!first) new Float32Array(memory.buffer, total, count).fill(0);
    for (const { offset } of others) kernels.add(this.#place, offset, count);
    const sum = { memory, kernels, place: this.#place, count, trainable };
    this.#bytes = 0;
    this.#isUnderWay = true;
    const squares = await collective.add(sum, this.#stop.signal);
    this.#isUnderWay = false;
    this.#bytes = Math.round((count * 4 * 2 * (collective.size - 1)) / collective.size);
    return squares;
  }

  /** Ends the wait for the others, if there is one; what comes next is another sum. */
  abort(error: Error): void {
    if (!this.#isUnderWay) return;
    this.#stop.abort(error);
    this.#stop = new AbortController();
    this.#isUnderWay = false;
  }
}
