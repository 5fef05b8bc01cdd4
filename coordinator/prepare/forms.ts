/** The forms of a step: for the batches of each bucket the same model and weights, made for sequences of another length. */

import type { RunConfig } from '../../src/config/run-config.js';
import { type Buckets, bucketedBatches, cutFields, planBuckets } from '../../src/data/buckets.js';
import type { Examples, Splits } from '../../src/data/examples.js';
import { evaluationBatch } from '../../src/data/geometry.js';
import { createStepModel, type StepModel, type StepSpec } from '../../src/engine/step.js';
import { LockstepError, ModelError, UnsupportedModelError } from '../../src/errors.js';
import { plural } from '../../src/ground/units.js';

/** Batch sizes that occur in training and in evaluation: graphs have static shapes. */
export interface BatchSizes {
  readonly gradients: readonly number[];
  readonly evaluations: readonly number[];
}

export interface Form {
  /** Places of its sequences; absent where they have all. */
  readonly places?: number;
  readonly sizes: BatchSizes;
}

/** A step, and what it is made from. */
export interface MadeStep {
  readonly step: StepModel;
  readonly spec: StepSpec;
}

/** What is run in batches. */
export interface Batched {
  readonly shardSizes: readonly number[];
  /** Examples of the splits that are evaluated. */
  readonly evaluated: readonly Int32Array[];
}

/**
 * The buckets that a config asks for: the same in training and whenever the run's splits are evaluated.
 * @param evaluated decides where nothing of these data was trained on
 * @throws ConfigError as planBuckets does
 */
export function bucketsFor(
  { training: { buckets: asked, batchSize, groupByLength = false } }: RunConfig,
  examples: Examples,
  { training }: Pick<Splits, 'training'>,
  evaluated: readonly Int32Array[],
): Buckets | undefined {
  if (asked === undefined) return undefined;
  const whole = batchSize === 'all' || batchSize > training.length ? training.length : batchSize;
  const batched = { evaluated, evaluationBatch, training: { rows: training, batchSize: whole, groupByLength } };
  return planBuckets(asked, examples, training.length > 0 ? batched : { evaluated, evaluationBatch });
}

/** One for each bucket. */
export function formsOf(buckets: Buckets | undefined, { shardSizes, evaluated }: Batched): Form[] {
  const batches = evaluated.flatMap((rows) => bucketedBatches(buckets, { evaluationBatch }, rows));
  const sizesOf = (own: number): BatchSizes => {
    const counts = batches.filter(({ bucket }) => bucket === own).map(({ rows }) => rows.length);
    return { gradients: shardSizes, evaluations: [...new Set(counts)] };
  };
  if (!buckets) return [{ sizes: sizesOf(0) }];
  return buckets.places.map((places, bucket) => ({
    ...(places < buckets.full && { places }),
    sizes: sizesOf(bucket),
  }));
}

/** What a step in a form is made from. */
export const specIn = (spec: StepSpec, { places }: Form): StepSpec => ({
  ...spec,
  fields: cutFields(spec.fields, places),
});

const remedy =
  'use layers that read sequences of any length, such as recurrent ones or globalAveragePooling1d, not flatten, reshape or a ' +
  'file that says the length; list longer ones alone where a layer needs more places; or leave training.buckets out';

/**
 * Makes a step in a form, for as long as it is used: each has weights of its own.
 * @throws ModelError when the model cannot be made for sequences of that length, or has other weights then
 */
export async function withForm<T>(whole: MadeStep, form: Form, use: (made: MadeStep) => T | Promise<T>): Promise<T> {
  const { places } = form;
  if (places === undefined) return use(whole);
  try {
    const spec = specIn(whole.spec, form);
    const step = await createStepModel(spec, false);
    try {
      checkWeights(step, whole.step, places);
      // tfjs makes up other names each time.
      return await use({ step: { ...step, layout: whole.step.layout }, spec });
    } finally {
      step.built.model.dispose();
    }
  } catch (error) {
    // What goes wrong in a shorter form alone is about the length.
    if (!(error instanceof LockstepError) || error instanceof UnsupportedModelError) throw error;
    throw new ModelError(
      `training.buckets: ${places}: sequences of ${plural(places, 'place')}: ${error.problem}`,
      remedy,
    );
  }
}

function checkWeights({ layout: { tensors } }: StepModel, { layout: whole }: StepModel, places: number): void {
  const odd = whole.tensors.find(({ shape }, i) => tensors[i]?.shape.join() !== shape.join());
  if (!odd && tensors.length === whole.tensors.length) return;
  const what = odd ? `${odd.name} has the shape [${odd.shape.join(', ')}]` : 'the model has fewer weights';
  throw new ModelError(`${what} at the full length, and not for ${plural(places, 'place')}`, remedy);
}
