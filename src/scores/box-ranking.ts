/** Precision and recall along the detections of a class, the surest first, with every image as often as a draw has it. */
import { ignored, type Matches, overlaps, right } from './box-matching.js';

/** Mean precision over the points, and recall, at each overlap. */
export interface Curve {
  readonly precision: readonly number[];
  readonly recall: readonly number[];
}

/** Points of recall at which precision is read, to the bits of numpy's linspace. */
const points: readonly number[] = Array.from({ length: 101 }, (_, i) => (i === 100 ? 1 : i * 0.01));

/** Detections of all images, of equally sure ones the first. */
export class BoxRanking {
  /** Number of the image of each detection. */
  readonly #images: Int32Array;
  /** At each overlap the detections that count: twice their rank, and 1 more for right ones. */
  readonly #counted: readonly Int32Array[];
  /** Images with something to find, and how much it is. */
  readonly #wanted: readonly { readonly image: number; readonly count: number }[];
  /** Written by each draw. */
  readonly #times: Float64Array;
  readonly #recalls: Float64Array;
  readonly #precisions: Float64Array;

  /**
   * @param matches of the images that have boxes
   * @param images the number of each of them among all images
   * @param most detections of an image that count
   * @param only `recall` where nobody asks for precision: that is told by the right ones alone
   */
  constructor(matches: readonly Matches[], images: readonly number[], most: number, only: 'recall' | undefined) {
    const ranked = matches
      .flatMap(({ scores }, at) => scores.slice(0, most).map((score, place) => ({ at, place, score })))
      .sort((a, b) => b.score - a.score);
    this.#images = Int32Array.from(ranked, ({ at }) => images[at]);
    this.#counted = overlaps.map((_, overlap) => {
      const counted: number[] = [];
      for (const [rank, { at, place }] of ranked.entries()) {
        const outcome = matches[at].outcomes[overlap][place];
        if (outcome === right) counted.push(2 * rank + 1);
        else if (outcome !== ignored && !only) counted.push(2 * rank);
      }
      return Int32Array.from(counted);
    });
    this.#wanted = matches.flatMap(({ wanted: count }, at) => (count === 0 ? [] : [{ image: images[at], count }]));
    this.#times = new Float64Array(ranked.length);
    this.#recalls = new Float64Array(ranked.length);
    this.#precisions = new Float64Array(ranked.length);
  }

  /**
   * @param times how often each image counts
   * @returns undefined where there is nothing to find
   */
  curve(times: Float64Array): Curve | undefined {
    const wanted = this.#wanted.reduce((sum, { image, count }) => sum + times[image] * count, 0);
    if (wanted === 0) return undefined;
    for (let i = 0; i < this.#times.length; i++) this.#times[i] = times[this.#images[i]];
    const each = this.#counted.map((counted) => this.#along(counted, wanted));
    return { precision: each.map(({ precision }) => precision), recall: each.map(({ recall }) => recall) };
  }

  /** The mean over the points of the best precision from that recall on: it is best where a right one is. */
  #along(counted: Int32Array, wanted: number): { precision: number; recall: number } {
    const [times, recalls, precisions] = [this.#times, this.#recalls, this.#precisions];
    let [seen, hits, length] = [0, 0, 0];
    for (let i = 0; i < counted.length; i++) {
      const count = times[counted[i] >> 1];
      seen += count;
      if ((counted[i] & 1) === 0 || count === 0) continue;
      hits += count;
      recalls[length] = hits / wanted;
      precisions[length++] = hits / seen;
    }
    for (let i = length - 1; i > 0; i--) precisions[i - 1] = Math.max(precisions[i - 1], precisions[i]);
    let sum = 0;
    let at = 0;
    for (const point of points) {
      while (at < length && recalls[at] < point) at++;
      if (at === length) break;
      sum += precisions[at];
    }
    return { precision: sum / points.length, recall: hits / wanted };
  }
}
