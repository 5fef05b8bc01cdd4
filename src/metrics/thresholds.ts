/**
 * What every threshold between two classes comes to: scores from the highest to the lowest, equal ones at once. Areas are those of
 * all thresholds that there are, not of a grid of them.
 */
import { descending } from './sorted.js';

/** Weights of what lies at a threshold or above: those that are of the class, and those that are not. */
export type ThresholdStep = (hits: number, alarms: number, score: number) => void;

/** Scores of rows that count, once sorted, for any number of looks at them with other weights. */
export class Thresholds {
  readonly #scores: Float32Array | Float64Array;
  readonly #order: Uint32Array;
  readonly #isHit: (row: number) => boolean;
  readonly #weights: ArrayLike<number> | undefined;

  /** @param scores of rows, none NaN */
  constructor(
    scores: Float32Array | Float64Array,
    isHit: (row: number) => boolean,
    weights: ArrayLike<number> | undefined,
    order = descending(scores),
  ) {
    this.#scores = scores;
    this.#order = order;
    this.#isHit = isHit;
    this.#weights = weights;
  }

  /** Calls back after each run of equal scores. @returns what all came to */
  each(step: ThresholdStep): { readonly hits: number; readonly alarms: number } {
    let [hits, alarms] = [0, 0];
    const order = this.#order;
    for (let i = 0; i < order.length; i++) {
      const row = order[i];
      const weight = this.#weights ? this.#weights[row] : 1;
      if (this.#isHit(row)) hits += weight;
      else alarms += weight;
      const score = this.#scores[row];
      if (i === order.length - 1 || this.#scores[order[i + 1]] !== score) step(hits, alarms, score);
    }
    return { hits, alarms };
  }

  /** The area under the ROC curve: how often one of the class has the higher score, ties half. NaN where there is one class alone. */
  area(): number {
    let [lastHits, lastAlarms, twice] = [0, 0, 0];
    const { hits, alarms } = this.each((hitsHere, alarmsHere) => {
      twice += (alarmsHere - lastAlarms) * (hitsHere + lastHits);
      [lastHits, lastAlarms] = [hitsHere, alarmsHere];
    });
    return hits === 0 || alarms === 0 ? Number.NaN : twice / 2 / hits / alarms;
  }

  /** The precision at each recall, weighted by how much recall it adds; nothing is interpolated. 0 where none is of the class. */
  averagePrecision(): number {
    let [last, sum] = [0, 0];
    const { hits } = this.each((hitsHere, alarmsHere) => {
      if (hitsHere > last) sum += (hitsHere - last) * (hitsHere / (hitsHere + alarmsHere));
      last = hitsHere;
    });
    return hits === 0 ? 0 : sum / hits;
  }
}
