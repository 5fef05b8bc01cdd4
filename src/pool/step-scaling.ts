/** The loss scale of the steps of a pool in float16: each of its threads counts by itself, from the same numbers. */
import { batchOf, type Geometry } from '../data/geometry.js';
import type { Update } from '../optimizer/decide.js';
import { canSkip, initialLossScaling, type LossScaling, scalingAfter, sumScale } from '../optimizer/loss-scale.js';

/** What threads share of it; empty where the loss is not scaled. */
export interface SharedScaling {
  /** As it is after the last step: `LossScaling`. */
  readonly now: Float64Array;
  /** The scale of each step of the epoch under way. */
  readonly steps: Float64Array;
}

/** @param steps of an epoch; 0 where the loss is not scaled */
export function sharedScaling(steps: number): SharedScaling {
  const doubles = (length: number) => new Float64Array(new SharedArrayBuffer(length * 8));
  const shared = { now: doubles(steps > 0 ? 3 : 0), steps: doubles(steps) };
  writeScaling(shared, initialLossScaling);
  return shared;
}

/** Undefined where the loss is not scaled. */
export function readScaling({ now }: Pick<SharedScaling, 'now'>): LossScaling | undefined {
  const [scale, good, skipped] = now;
  return scale === undefined ? undefined : { scale, good: good!, skipped: skipped! };
}

export function writeScaling({ now }: Pick<SharedScaling, 'now'>, { scale, good, skipped }: LossScaling): void {
  if (now.length > 0) now.set([scale, good, skipped]);
}

interface ScalingSpec {
  readonly geometry: Geometry;
  readonly shared: { readonly scaling: SharedScaling };
}

export class StepScaling {
  readonly #spec: ScalingSpec;
  /** Whether this thread writes down what all come to. */
  readonly #tells: boolean;
  #now: LossScaling | undefined;
  /** As it was before each step of the epoch that this thread has decided. */
  readonly #before: (LossScaling | undefined)[] = [];

  constructor(spec: ScalingSpec, rank: number) {
    this.#spec = spec;
    this.#tells = rank === 0;
  }

  /** Before the first step of a span. */
  begin(): void {
    this.#now = readScaling(this.#spec.shared.scaling);
  }

  /** Goes back to where it was before a step, which is to be computed again with those after it. */
  rewind(step: number): void {
    this.#now = this.#before[step] ?? this.#now;
    if (this.#now) writeScaling(this.#spec.shared.scaling, this.#now);
  }

  /** What the loss sums of the shards of a step are multiplied by; undefined where they are not. */
  sumScale(step: number): number | undefined {
    return this.#now && sumScale(this.#now, batchOf(this.#spec.geometry, step).count);
  }

  /**
   * After the decision on a step. Where the loss is scaled, an optimizer counts the steps that it takes.
   * @returns the update; `skipped` where the step is left out, undefined where the run has diverged
   */
  decided<U extends Update>(step: number, update: U | undefined): U | 'skipped' | undefined {
    const now = this.#now;
    if (!now) return update;
    if (!update && !canSkip(now)) return undefined;
    this.#before[step] = now;
    this.#now = scalingAfter(now, update !== undefined);
    if (this.#tells) {
      const { scaling } = this.#spec.shared;
      scaling.steps[step] = now.scale;
      writeScaling(scaling, this.#now);
    }
    return update ? { ...update, round: update.round - now.skipped } : 'skipped';
  }
}
