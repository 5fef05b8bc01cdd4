/** The sums of one segment that one member has at hand during an exchange. They are added up as they come. */
import type { Input } from './routes.js';
import type { Segment } from './segments.js';
import { areSiblings, type TreeNode } from './tree.js';
import type { Place, Workbench } from './workbench.js';

export interface Sum extends TreeNode {
  readonly place: Place;
}

export class Partials {
  /** Inputs that are not here yet. */
  owed: readonly Input[];
  /** Sums that have no sibling here yet. */
  #held: Sum[] = [];
  /** Whether one of the sums is where the total will be. */
  #inPlace = false;
  readonly #workbench: Workbench;
  readonly #shards: number;
  readonly #floats: number;
  readonly #at: number;

  /**
   * @param shards shards of the step
   * @param at byte offset of the segment in the total, for a sum to be in until the total comes
   */
  constructor(workbench: Workbench, shards: number, { floats }: Segment, at: number, inputs: readonly Input[]) {
    this.#workbench = workbench;
    this.#shards = shards;
    this.#floats = floats;
    this.#at = at;
    this.owed = inputs;
  }

  /** Byte offset at which a sum from another member may be put, to be taken next. */
  land(): number {
    if (this.#inPlace) return this.#workbench.bench;
    this.#inPlace = true;
    return this.#at;
  }

  /** Takes in an input that is owed: adds it to its sibling if that is here, the result to the result's, and so on. */
  take(input: Sum, from: number): void {
    this.owed = this.owed.filter((owed) => owed.from !== from || owed.low !== input.low);
    let sum = input;
    for (;;) {
      const at = this.#held.findIndex(
        (held) => areSiblings(held, sum, this.#shards) || areSiblings(sum, held, this.#shards),
      );
      if (at < 0) break;
      const [sibling] = this.#held.splice(at, 1);
      sum = this.#add(sum, sibling);
    }
    const { bench } = this.#workbench;
    this.#held.push(sum.place === bench ? { ...sum, place: this.#workbench.keep(bench, this.#floats) } : sum);
  }

  /** Once nothing is owed: hands out the sums that are left, in the order of the shards. */
  release(): readonly Sum[] {
    if (this.owed.length > 0) return [];
    const sums = this.#held.toSorted((a, b) => a.low - b.low);
    this.#held = [];
    return sums;
  }

  #add(a: Sum, b: Sum): Sum {
    const [to, from] = b.place === this.#at ? [b, a] : [a, b];
    let { place } = to;
    if (place !== this.#at && place !== this.#workbench.bench) {
      // Neither a slot, which must stay as it is, nor a copy outside of the memory can be added to.
      place = this.land();
      this.#workbench.copy(place, to.place, this.#floats);
    }
    this.#workbench.add(place as number, from.place, this.#floats);
    return { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high), place };
  }
}
