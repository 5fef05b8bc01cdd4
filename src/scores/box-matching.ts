/** Which detections of an image are right: COCO's rule, as pycocotools 2.0.11 computes it. */
import type { FoundBox, ImageBoxes, TrueBox } from './coco-files.js';

/** Detections of a class in an image that count, the surest ones. */
export const mostDetections = 100;

const steps = 10;
/** 0.5, 0.55, ... 0.95, to the bits of numpy's linspace. */
export const overlaps: readonly number[] = Array.from({ length: steps }, (_, i) =>
  i === steps - 1 ? 0.95 : 0.5 + i * ((0.95 - 0.5) / (steps - 1)),
);

/** A range of areas in pixels; both ends belong to it. */
export type AreaRange = readonly [number, number];

/** Detections of one class in one image, the surest first, of equal ones the first. */
export interface Matches {
  readonly scores: readonly number[];
  /** 0 for a wrong one, 1 for a right one, 2 for one that counts neither way: [overlaps][detections]. */
  readonly outcomes: readonly Uint8Array[];
  /** True boxes that are to be found. */
  readonly wanted: number;
}

export const [wrong, right, ignored] = [0, 1, 2];

/** The boxes of an image in the order in which they are matched, with all overlaps: the same for every range of areas. */
export class MatchableImage {
  readonly #truths: readonly TrueBox[];
  readonly #found: readonly FoundBox[];
  /** [detections, truths] */
  readonly #overlaps: Float64Array;

  constructor({ truths, found }: ImageBoxes) {
    this.#truths = truths;
    this.#found = found.toSorted((a, b) => b.score - a.score).slice(0, mostDetections);
    this.#overlaps = Float64Array.from(
      this.#found.flatMap((one) => truths.map((truth) => overlapOf(one.bbox, truth.bbox, truth.crowd))),
    );
  }

  /** Boxes beyond the range count neither way. */
  match(range: AreaRange): Matches {
    const beyond = ({ area }: { readonly area: number }) => area < range[0] || area > range[1];
    const isIgnored = this.#truths.map((truth) => truth.crowd || beyond(truth));
    const order = this.#truths.map((_, i) => i).sort((a, b) => Number(isIgnored[a]) - Number(isIgnored[b]));
    const outcomes = overlaps.map((least) => {
      const outcome = new Uint8Array(this.#found.length);
      const taken = new Uint8Array(this.#truths.length);
      for (const [i, one] of this.#found.entries()) {
        const truth = this.#best(i, least, order, isIgnored, taken);
        if (truth < 0) outcome[i] = beyond(one) ? ignored : wrong;
        else {
          taken[truth] = 1;
          outcome[i] = isIgnored[truth] ? ignored : right;
        }
      }
      return outcome;
    });
    const wanted = isIgnored.filter((is) => !is).length;
    return { scores: this.#found.map(({ score }) => score), outcomes, wanted };
  }

  /**
   * The truth that a detection overlaps most, the later of equal ones; one that counts goes before any that does not, and a crowd may be
   * taken again. -1 where there is none.
   */
  #best(i: number, least: number, order: readonly number[], isIgnored: readonly boolean[], taken: Uint8Array): number {
    let best = -1;
    let most = Math.min(least, 1 - 1e-10);
    for (const truth of order) {
      if (taken[truth] && !this.#truths[truth].crowd) continue;
      if (best >= 0 && !isIgnored[best] && isIgnored[truth]) break;
      const overlap = this.#overlaps[i * this.#truths.length + truth];
      if (overlap < most) continue;
      most = overlap;
      best = truth;
    }
    return best;
  }
}

/** Intersection over union; of a crowd, over the detection alone. */
function overlapOf(found: readonly number[], truth: readonly number[], crowd: boolean): number {
  const width = Math.min(found[0] + found[2], truth[0] + truth[2]) - Math.max(found[0], truth[0]);
  const height = Math.min(found[1] + found[3], truth[1] + truth[3]) - Math.max(found[1], truth[1]);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  const own = found[2] * found[3];
  return both / (crowd ? own : own + truth[2] * truth[3] - both);
}
