/** Which number of a model's outputs is explained: that of a class, or one that it predicts. */

import { unscaled } from '../../src/data/standardize.js';
import { ConfigError } from '../../src/errors.js';
import type { OutputScore } from '../../src/explain/attribution.js';
import { elements } from '../../src/ground/elements.js';
import { oneOf } from '../../src/ground/suggest.js';
import { plural } from '../../src/ground/units.js';
import { type OutputReading, outputsOfSaved, readingOf } from './output-meaning.js';
import type { SavedModel } from './saved-model.js';

/** What the number is: a logit where the model has probabilities only after a last step that training left out. */
export type Measure = 'logit' | 'probability' | 'score' | 'value';

/** A number of an output. */
export interface ExplainedNumber {
  /** Name of the class, or of the number. */
  readonly of: string;
  readonly score: OutputScore;
}

/** An output of which a number is explained. */
export interface ExplainedOutput {
  readonly index: number;
  /** Name of its target, where it has one. */
  readonly target?: string;
  readonly measure: Measure;
  /** Which of its places it is, from 1, where it has some. */
  readonly place?: number;
  /** The number that was asked for; of classes otherwise the likeliest. @param outputs of an example */
  numberOf(outputs: Float32Array): ExplainedNumber;
}

export interface TargetOptions {
  /** A class, a number or a target by its name, or both: `liked=yes`. */
  readonly target?: string;
  /** Of outputs that have a class for each of several places: which, from 1. */
  readonly place?: number;
}

/** @throws ConfigError for a class, number, target or place that the model has not */
export function explainedOutput(saved: SavedModel, options: TargetOptions): ExplainedOutput {
  const { index, name } = chosen(saved, options.target);
  const { shape, name: target, isNamed } = saved.outputs[index];
  const reading = readingOf(saved, index);
  const measure = measureOf(saved, index);
  const isOfPlaces = reading.kind === 'places';
  if (!isOfPlaces && options.place !== undefined) {
    throw new ConfigError(`--place ${options.place}: the model has one answer for each example`, 'leave --place out');
  }
  const count = elements(shape.slice(0, -1));
  const place = isOfPlaces ? placeOf(saved, count, options.place) : undefined;
  const start = place === undefined ? 0 : (place - 1) * shape.at(-1)!;
  const size = elements(shape);
  const asked = name === undefined ? undefined : placeIn(reading.names, name, reading.kind);
  const units = isOfPlaces ? shape.at(-1)! : size;
  return {
    index,
    ...(isNamed && { target }),
    measure,
    ...(place !== undefined && { place }),
    numberOf(outputs) {
      const number = asked ?? likeliest(saved, index, reading, outputs.subarray(start, start + units));
      return { of: reading.names[number], score: scoreFor(saved, index, reading, { number, start, units, size }) };
    },
  };
}

/** The output and the class or number that a name stands for. */
function chosen({ outputs }: SavedModel, asked: string | undefined): { index: number; name?: string } {
  if (asked === undefined) return { index: 0 };
  if (!outputs[0].isNamed) return { index: 0, name: asked };
  const names = outputs.map(({ name }) => name);
  const whole = names.indexOf(asked);
  if (whole >= 0) return { index: whole };
  const cut = asked.indexOf('=');
  const index = names.indexOf(asked.slice(0, Math.max(0, cut)));
  if (cut >= 0 && index >= 0) return { index, name: asked.slice(cut + 1) };
  if (outputs.length === 1) return { index: 0, name: asked };
  throw new ConfigError(
    `--target ${asked}: the model has no target ${cut < 0 ? asked : asked.slice(0, cut)}`,
    oneOf(asked, names, `name one of ${names.join(', ')}, or a class of it: ${names[0]}=CLASS`),
  );
}

function placeIn(names: readonly string[], name: string, kind: OutputReading['kind']): number {
  const found = names.indexOf(name);
  if (found >= 0) return found;
  const what = kind === 'numbers' ? 'number' : 'class';
  const shown = names.length > 20 ? `${names.slice(0, 20).join(', ')}, ...` : names.join(', ');
  throw new ConfigError(
    `--target ${name}: the model has no ${what} ${name}`,
    oneOf(name, names, `use one of ${shown}`),
  );
}

/** What a text goes on with stands at its last place. */
function placeOf({ encoding }: SavedModel, count: number, asked: number | undefined): number {
  if (asked !== undefined && asked <= count) return asked;
  if (asked === undefined && encoding?.input.kind === 'text') return count;
  const problem =
    asked === undefined
      ? `the model has a class for each of ${plural(count, 'place')}`
      : `--place ${asked}: the model has ${plural(count, 'place')}`;
  throw new ConfigError(problem, `say which is to be explained: --place 1 to --place ${count}`);
}

function measureOf(saved: SavedModel, index: number): Measure {
  const { kind, loss } = outputsOfSaved(saved, index);
  if (loss === 'hinge') return 'score';
  if (readingOf(saved, index).kind === 'numbers' && loss !== 'binaryCrossentropy') return 'value';
  return kind === 'logits' ? 'logit' : 'probability';
}

/** @param outputs of the place */
function likeliest(saved: SavedModel, index: number, { kind, names }: OutputReading, outputs: Float32Array): number {
  if (kind === 'numbers') return 0;
  if (outputs.length > 1) return outputs.reduce((best, value, i) => (value > outputs[best] ? i : best), 0);
  return Math.min(names.length - 1, Number(outputs[0] > (measureOf(saved, index) === 'probability' ? 0.5 : 0)));
}

/** The number as a sum of outputs: the first of two classes that one output tells apart is what the second lacks. */
function scoreFor(
  saved: SavedModel,
  index: number,
  { kind }: OutputReading,
  { number, start, units, size }: { number: number; start: number; units: number; size: number },
): OutputScore {
  const seed = new Float32Array(size);
  const { targetScaling: scaling } = saved.outputs[index].encoding;
  if (kind === 'numbers') {
    const constant = scaling ? unscaled(0, scaling, number) : 0;
    seed[number] = scaling ? unscaled(1, scaling, number) - constant : 1;
    return { seed, constant };
  }
  if (units > 1) seed[start + number] = 1;
  else seed[start] = number === 1 ? 1 : -1;
  return { seed, constant: units === 1 && number === 0 && measureOf(saved, index) === 'probability' ? 1 : 0 };
}
