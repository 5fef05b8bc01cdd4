/** What the numbers that a model gives mean: classes with their probabilities, or values by name. */

import { byTarget, lossSettings } from '../../src/config/model.js';
import type { OutputEncoding, TargetEncoding } from '../../src/data/encoding.js';
import { unscaled } from '../../src/data/standardize.js';
import { ConfigError, ModelError } from '../../src/errors.js';
import { elements } from '../../src/ground/elements.js';
import { plural } from '../../src/ground/units.js';
import { type ClassOutput, decidedClasses, probabilitiesOf } from '../../src/metrics/class-probabilities.js';
import { outputsFor, outputsOf, type ProbabilityKind } from '../../src/model/outputs.js';
import type { SavedModel } from './saved-model.js';

/** A class and how sure the model is of it. */
export interface RankedClass {
  readonly name: string;
  /** A probability; where the model has none (hinge), its output: the further above 0, the surer. */
  readonly score: number;
}

/** How to read the outputs of one example. */
export type OutputReading =
  | { readonly kind: 'numbers'; readonly names: readonly string[]; read(outputs: Float32Array): number[] }
  | {
      readonly kind: 'classes';
      readonly names: readonly string[];
      /** What `score` is. */
      readonly measure: 'probability' | 'score';
      /** The surest class first. */
      read(outputs: Float32Array): RankedClass[];
    }
  | {
      readonly kind: 'places';
      readonly names: readonly string[];
      /** The likeliest class of each place, row-major. */
      read(outputs: Float32Array): string[];
    };

/**
 * The reading of one of a saved model's outputs.
 * @throws ModelError when encoding.json scales other numbers than the model gives
 */
export function readingOf(saved: SavedModel, index = 0): OutputReading {
  const { shape, encoding, name: target, isNamed } = saved.outputs[index];
  const { loss, kind } = outputsOfSaved(saved, index);
  const width = elements(shape);
  const isOfPlaces = shape.length > 1;
  const units = isOfPlaces ? shape.at(-1)! : width;
  const { decision } = encoding;
  const scored = decision &&
    loss !== 'hinge' && { outputs: units, binary: loss === 'binaryCrossentropy', kind, decision };
  // Numbers 0 and 1 are classes where a threshold tells them apart.
  const names =
    classNames(encoding, loss, units) ?? (scored && decision.threshold !== undefined ? ['0', '1'] : undefined);
  if (!names) {
    const scaling = encoding.targetScaling;
    const own = loss === 'binaryCrossentropy' && kind !== 'sigmoid' ? sigmoid : Number;
    const link = scaling ? (value: number, i: number) => unscaled(value, scaling, i) : own;
    if (scaling && width % scaling.mean.length !== 0) throw unlikeScaling(scaling.mean.length, width);
    const numbers = targetNames(encoding, width, isNamed ? target : 'output');
    if (scored && units === 1) return { kind: 'numbers', names: numbers, read: (outputs) => secondOf(scored, outputs) };
    return { kind: 'numbers', names: numbers, read: (outputs) => Array.from(outputs, link) };
  }
  if (scored) return decidedReading(names, scored, isOfPlaces);
  if (isOfPlaces) return placesReading(names, shape.at(-1)!, kind === 'sigmoid' ? 0.5 : 0);
  if (width === 1) return binaryReading(names, kind, loss);
  const link = { logits: softmaxOf, softmax: shares, sigmoid: Array.from<number> }[kind];
  const read = (outputs: Float32Array) => rank(names, link(outputs));
  return { kind: 'classes', names, measure: 'probability', read };
}

const unlikeScaling = (scaled: number, width: number) =>
  new ModelError(
    `encoding.json scales ${plural(scaled, 'number')}, and the model gives ${width}`,
    'copy both again from the model that was saved',
  );

/**
 * What the model's run took outputs for; without a run, what its layers say. Outputs of which nothing is known are logits,
 * as in models saved before that was kept.
 */
export function outputsOfSaved(
  { model, outputs, config }: SavedModel,
  index = 0,
): Required<Omit<OutputEncoding, 'loss' | 'index'>> & Partial<OutputEncoding> {
  const { encoding, name } = outputs[index];
  if (encoding.outputs) return { kind: 'logits', ...encoding.outputs };
  const given = config?.loss;
  const loss = given && (byTarget(given) ? given[name] : given);
  const { kind } = loss ? outputsFor(model, loss, index) : outputsOf(model, index);
  return { kind: kind === 'undecided' ? 'logits' : kind, loss: loss && lossSettings(loss).name };
}

/** Calibrated probabilities of the second of two classes. */
const secondOf = (scored: ClassOutput, outputs: Float32Array): number[] =>
  Array.from(probabilitiesOf(scored, outputs)).filter((_, i) => i % 2 === 1);

/** By what was fitted on the validation split. */
function decidedReading(names: readonly string[], scored: ClassOutput, isOfPlaces: boolean): OutputReading {
  const classes = names.length;
  const decided = (outputs: Float32Array) => {
    const probabilities = probabilitiesOf(scored, outputs);
    const probability = (row: number, which: number) => probabilities[row * classes + which];
    return { probabilities, predicted: decidedClasses(probability, probabilities.length / classes, scored) };
  };
  if (isOfPlaces) {
    const read = (outputs: Float32Array) =>
      Array.from(decided(outputs).predicted, (which) => names[Math.max(0, which)]);
    return { kind: 'places', names, read };
  }
  const read = (outputs: Float32Array) => {
    const { probabilities, predicted } = decided(outputs);
    const first = names[Math.max(0, predicted[0])];
    const ranked = rank(names, probabilities);
    // The second of two classes may be predicted though it is the less likely one.
    return [...ranked.filter(({ name }) => name === first), ...ranked.filter(({ name }) => name !== first)];
  };
  return { kind: 'classes', names, measure: 'probability', read };
}

/** @param threshold above which one output stands for the second class */
function placesReading(names: readonly string[], units: number, threshold: number): OutputReading {
  const classAt = (values: Float32Array) =>
    units === 1
      ? Number(values[0] > threshold)
      : values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
  const read = (outputs: Float32Array) =>
    Array.from(
      { length: outputs.length / units },
      (_, i) => names[classAt(outputs.subarray(i * units, (i + 1) * units))],
    );
  return { kind: 'places', names, read };
}

/** One output that tells the second class from the first. */
function binaryReading(names: readonly string[], kind: ProbabilityKind, loss: string | undefined): OutputReading {
  if (loss === 'hinge') {
    return { kind: 'classes', names, measure: 'score', read: ([output]) => rank(names, [-output, output]) };
  }
  const link = kind === 'sigmoid' ? Number : sigmoid;
  const read = ([output]: Float32Array) => rank(names, [1 - link(output), link(output)]);
  return { kind: 'classes', names, measure: 'probability', read };
}

/** undefined where outputs are numbers. */
function classNames({ classes }: TargetEncoding, loss: string | undefined, width: number) {
  const known = classes ?? (loss?.endsWith('ategoricalCrossentropy') ? [] : undefined);
  if (!known) return undefined;
  const count = Math.max(2, width);
  return known.length === count ? known : Array.from({ length: count }, (_, i) => String(i));
}

function targetNames({ targets }: TargetEncoding, width: number, name: string): readonly string[] {
  if (targets?.length === width) return targets;
  return width === 1 ? [name] : Array.from({ length: width }, (_, i) => `${name}${i + 1}`);
}

/** Ties go to the class that comes first, as in the accuracy. */
function rank(names: readonly string[], scores: ArrayLike<number>): RankedClass[] {
  return names.map((name, i) => ({ name, score: scores[i] })).sort((a, b) => b.score - a.score);
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Without overflow: the greatest is taken off first. */
export function softmaxOf(outputs: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(outputs);
  const greatest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - greatest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Probabilities that need not add up to one, as the cross-entropy takes them. */
function shares(outputs: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(outputs);
  const sum = values.reduce((a, b) => a + b, 0);
  return values.map((value) => value / sum);
}

/** @throws ConfigError when the model tells no classes apart */
export function checkTop(
  readings: readonly (OutputReading & { readonly target?: string })[],
  top: number,
  warn: (message: string) => void,
): void {
  const ofClasses = readings.filter(({ kind }) => kind === 'classes');
  if (ofClasses.length === 0) {
    const what = readings.some(({ kind }) => kind === 'places') ? 'one class for each place' : 'numbers, not classes';
    throw new ConfigError(`--top ${top}: the model predicts ${what}`, 'leave --top out');
  }
  for (const { names, target } of ofClasses) {
    if (top > names.length)
      warn(`--top ${top}: ${target ?? 'the model'} has ${names.length} classes, and all are named`);
  }
}
