/**
 * How much each part of an example adds to one number that a model gives for it, f:
 *
 * - integrated gradients (Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017): the slope of f along the
 *   straight way from a baseline to the example, times the way; over all parts they add up to f(example) - f(baseline).
 * - occlusion (Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014): f(example) less f of the
 *   example with the part replaced by that of the baseline.
 * - gradient (Simonyan, Vedaldi and Zisserman, 2013): the slope of f at the example.
 */
import { elements } from '../ground/elements.js';
import { gaussLegendre } from './gauss-legendre.js';
import type { Lookup } from './lookups.js';
import { batchSize, type Explained, type Point, type Slope, type Slopes, slopingParts } from './slopes.js';

/** f as a sum of what an output has for one example. */
export interface OutputScore {
  /** Factor of each number of the output. */
  readonly seed: Float32Array;
  readonly constant: number;
}

/** Numbers of a point that belong together: from `start` on in the array `part`. */
interface Slot {
  readonly part: number;
  readonly start: number;
  readonly length: number;
}

/** For each feature of each input, the numbers that it is computed with: none where it is an id that the model changes. */
export type Slots = readonly (readonly (readonly Slot[])[])[];

/** A part of an example that is named: a column, a pixel, a word. */
export interface InputPart {
  /** Index of the model's input, and which of its features. */
  readonly input: number;
  readonly features: readonly number[];
}

export function slotsOf(target: Explained): Slots {
  const { inputs, masks = [], lookups } = target;
  const sloping = new Set(slopingParts(target));
  const slots: Slot[][][] = inputs.map(({ shape }, part) =>
    Array.from({ length: elements(shape) }, (_, start) => (sloping.has(part) ? [{ part, start, length: 1 }] : [])),
  );
  lookups.forEach(({ input, features, shape }: Lookup, i) => {
    const [part, length] = [inputs.length + masks.length + i, shape.at(-1)!];
    features.forEach((feature, place) => {
      slots[input][feature].push({ part, start: place * length, length });
    });
  });
  return slots;
}

export const scoreOf = ({ seed, constant }: OutputScore, outputs: Float32Array): number => {
  let sum = constant;
  for (let i = 0; i < seed.length; i++) if (seed[i] !== 0) sum += seed[i] * outputs[i];
  return sum;
};

/** Points of any number, batch by batch, as they are needed. */
async function* each(slopes: Slopes, { seed }: OutputScore, points: Iterable<Point>): AsyncGenerator<Slope> {
  let batch: Point[] = [];
  for (const point of points) {
    batch.push(point);
    if (batch.length < batchSize) continue;
    yield* await slopes(batch, seed);
    batch = [];
  }
  if (batch.length > 0) yield* await slopes(batch, seed);
}

/** f of each point. */
export async function scoresOf(slopes: Slopes, score: OutputScore, points: Iterable<Point>): Promise<number[]> {
  const found: number[] = [];
  for await (const { outputs } of each(slopes, score, points)) found.push(scoreOf(score, outputs));
  return found;
}

/** Sums of what belongs to each named part. @param value of a number of the point */
function summed(
  parts: readonly InputPart[],
  slots: Slots,
  value: (part: number, index: number) => number,
): Float64Array {
  return Float64Array.from(parts, ({ input, features }) => {
    let sum = 0;
    for (const feature of features) {
      for (const { part, start, length } of slots[input][feature]) {
        for (let i = start; i < start + length; i++) sum += value(part, i);
      }
    }
    return sum;
  });
}

/** @param steps points of the way at which the slope is taken, by the rule of Gauss and Legendre; sums are in 64 bits */
export async function integratedGradients(
  slopes: Slopes,
  score: OutputScore,
  { point, baseline, parts, slots, steps }: AttributionRequest & { readonly steps: number },
): Promise<Float64Array> {
  const { nodes, weights } = gaussLegendre(steps);
  const between = function* () {
    for (const node of nodes) {
      yield point.map((values, part) =>
        values.map((value, i) => baseline[part][i] + node * (value - baseline[part][i])),
      );
    }
  };
  const sums = point.map(({ length }) => new Float64Array(length));
  let next = 0;
  for await (const { gradients } of each(slopes, score, between())) {
    const weight = weights[next++];
    gradients.forEach((values, part) => {
      const own = sums[part];
      for (let i = 0; i < values.length; i++) own[i] += weight * values[i];
    });
  }
  return summed(parts, slots, (part, i) => sums[part][i] * (point[part][i] - baseline[part][i]));
}

export interface AttributionRequest {
  readonly point: Point;
  readonly baseline: Point;
  readonly parts: readonly InputPart[];
  readonly slots: Slots;
}

/** @param weight of the slope of each number, 1 for slopes as they are */
export async function gradientOf(
  slopes: Slopes,
  { seed }: OutputScore,
  { point, parts, slots }: Omit<AttributionRequest, 'baseline'>,
  weight: (part: number, index: number) => number,
): Promise<Float64Array> {
  const [{ gradients }] = await slopes([point], seed);
  return summed(parts, slots, (part, i) => weight(part, i) * gradients[part][i]);
}

/**
 * @param regions indices of the parts that are occluded together; a part in several regions gets the mean of what they come to
 * @param value f of the example
 */
export async function occlusion(
  slopes: Slopes,
  score: OutputScore,
  value: number,
  { point, baseline, parts, slots }: AttributionRequest,
  regions: readonly (readonly number[])[],
): Promise<Float64Array> {
  const occluded = function* () {
    for (const region of regions) {
      const values = point.map((own) => own.slice());
      for (const { input, features } of region.map((part) => parts[part])) {
        for (const { part, start, length } of features.flatMap((feature) => slots[input][feature])) {
          values[part].set(baseline[part].subarray(start, start + length), start);
        }
      }
      yield values;
    }
  };
  const sums = new Float64Array(parts.length);
  const counts = new Float64Array(parts.length);
  (await scoresOf(slopes, score, occluded())).forEach((other, region) => {
    for (const part of regions[region]) {
      sums[part] += value - other;
      counts[part]++;
    }
  });
  return sums.map((sum, part) => (counts[part] === 0 ? 0 : sum / counts[part]));
}

/** Windows over [height, width] whose corners are `stride` apart, cut off at the edges, as indices of pixels. */
export function pixelWindows(height: number, width: number, window: number, stride: number): number[][] {
  const starts = (size: number) =>
    Array.from({ length: Math.ceil(Math.max(0, size - window) / stride) + 1 }, (_, i) => i * stride);
  const along = (start: number, size: number) =>
    Array.from({ length: Math.min(window, size - start) }, (_, i) => start + i);
  return starts(height).flatMap((top) =>
    starts(width).map((left) => along(top, height).flatMap((y) => along(left, width).map((x) => y * width + x))),
  );
}
