/** Which gradient slots hold the sums of the round under way, and which are free. */
import { EngineError } from '../errors.js';
import type { NodePlan, TreeNode } from '../reduce/tree.js';

interface Held extends TreeNode {
  /** Byte offset. */
  readonly offset: number;
}

export class RoundSlots {
  readonly #offsets: readonly number[];
  #round = -1;
  #held: readonly Held[] = [];

  /** @param offsets bytes; as many as a step has shards suffice for any nodes */
  constructor(offsets: readonly number[]) {
    this.#offsets = offsets;
  }

  /**
   * Slots that a plan can write to: none of the sums that its round holds already, but for those of the same shards.
   *
   * @returns the byte offset of each slot of the plan
   * @throws EngineError when memory had no room for so many
   */
  take(round: number, plan: NodePlan): number[] {
    if (round !== this.#round) this.#held = [];
    this.#round = round;
    const overlaps = (sum: TreeNode) => plan.nodes.some(({ low, high }) => low < sum.high && sum.low < high);
    this.#held = this.#held.filter((sum) => !overlaps(sum));
    const taken = new Set(this.#held.map(({ offset }) => offset));
    const free = this.#offsets.filter((offset) => !taken.has(offset));
    if (free.length < plan.slots) {
      throw new EngineError(
        `round ${round} needs ${taken.size + plan.slots} gradient slabs on this worker, and ${this.#offsets.length} fit into the 4 GiB that threads can share`,
        'use fewer shards, fewer threads or a smaller model',
      );
    }
    return free.slice(0, plan.slots);
  }

  /** The sums of a plan are there. @param slots as `take` gave them */
  hold(plan: NodePlan, slots: readonly number[]): void {
    const sums = plan.nodes.map(({ low, high, slot }) => ({ low, high, offset: slots[slot] }));
    this.#held = [...this.#held, ...sums];
  }

  /** Byte offset of the sum of a node; it stays there until the next round. */
  offsetOf({ low, high }: TreeNode): number {
    const sum = this.#held.find((held) => held.low === low && held.high === high);
    if (!sum) throw new Error(`the sum of shards [${low}, ${high}) was not computed in round ${this.#round}`);
    return sum.offset;
  }
}
