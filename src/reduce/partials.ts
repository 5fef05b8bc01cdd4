/** The sums of one segment that one member has at hand during an all-reduce. They are added up as they come. */
import { isBlocks, type WirePrecision } from './plan.js';
import type { Input } from './routes.js';
import type { Segment } from './segments.js';
import type { SlabFrame } from './slab-frame.js';
import { areSiblings, type TreeNode } from './tree.js';
import type { SumPlace, Workbench } from './workbench.js';

export interface Sum extends TreeNode {
  readonly place: SumPlace;
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
  /** Whether what is added up is rounded to bfloat16, as it travels. */
  readonly #rounds: boolean;

  /**
   * @param shards shards of the step
   * @param at byte offset of the segment in the total, for a sum to be in until the total comes
   */
  constructor(
    workbench: Workbench,
    shards: number,
    { floats, precision }: Segment & { readonly precision: WirePrecision },
    at: number,
    inputs: readonly Input[],
  ) {
    this.#workbench = workbench;
    this.#shards = shards;
    this.#floats = floats;
    this.#at = at;
    this.#rounds = isBlocks(precision);
    this.owed = inputs;
  }

  /** Takes in a sum that this member has computed, at a byte offset where it stays as it is. */
  take(sum: Sum, self: number): void {
    this.#came(sum, self);
    this.#fold(sum);
  }

  /**
   * Takes in the sum of a frame. Where its sibling is here, that is added as the frame is read.
   *
   * @param check throws when the payload's checksum is not the frame's: its sum is owed still, and will not come
   * @returns whether all of it is finite
   */
  receive(frame: SlabFrame, from: number, check: (checksum: number | undefined) => void): boolean {
    const sibling = this.#held.find((held) => this.#areSiblings(held, frame));
    if (typeof sibling?.place === 'number' && this.#workbench.holds(frame)) {
      const place = sibling.place === this.#at ? this.#at : this.#land();
      const { checksum, finite } = this.#workbench.addFrame(frame, sibling.place, place);
      check(checksum);
      this.#came(frame, from);
      this.#held.splice(this.#held.indexOf(sibling), 1);
      this.#fold(parentOf(frame, sibling, place));
      return finite;
    }
    const place = this.#land();
    check(this.#workbench.unpack(frame, place, this.#floats));
    const finite = this.#workbench.isFinite(place, this.#floats);
    this.#came(frame, from);
    this.#fold({ low: frame.low, high: frame.high, place });
    return finite;
  }

  #came({ low }: TreeNode, from: number): void {
    this.owed = this.owed.filter((owed) => owed.from !== from || owed.low !== low);
  }

  /** Byte offset at which a sum can be made. */
  #land(): number {
    if (this.#inPlace) return this.#workbench.bench;
    this.#inPlace = true;
    return this.#at;
  }

  /** Adds a sum to its sibling if that is here, the result to the result's, and so on. */
  #fold(from: Sum): void {
    let sum = from;
    for (;;) {
      const at = this.#held.findIndex((held) => this.#areSiblings(held, sum));
      if (at < 0) break;
      const [sibling] = this.#held.splice(at, 1);
      sum = this.#add(sum, sibling);
    }
    const { bench } = this.#workbench;
    this.#held.push(sum.place === bench ? { ...sum, place: this.#workbench.keep(bench, this.#floats) } : sum);
  }

  #areSiblings(a: TreeNode, b: TreeNode): boolean {
    return areSiblings(a, b, this.#shards) || areSiblings(b, a, this.#shards);
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
      place = this.#land();
      this.#workbench.copy(place, to.place, this.#floats);
    }
    this.#workbench.add(place as number, from.place, this.#floats);
    if (this.#rounds) this.#workbench.roundToBfloat16(place as number, this.#floats);
    return parentOf(a, b, place);
  }
}

const parentOf = (a: TreeNode, b: TreeNode, place: SumPlace): Sum => ({
  low: Math.min(a.low, b.low),
  high: Math.max(a.high, b.high),
  place,
});
