/** The engine that a saved model is evaluated on. */
import type { RunConfig } from '../../src/config/run-config.js';
import type { Buckets } from '../../src/data/buckets.js';
import { ModelError } from '../../src/errors.js';
import type { EngineSpec } from '../../src/pool/pool-options.js';
import { chooseEngine } from '../prepare/choose-engine.js';
import { bucketsFor, formsOf, type MadeStep } from '../prepare/forms.js';
import type { ChosenData } from './evaluated-data.js';

/** A model of a file that says the length of its sequences is evaluated at that length. */
export async function engineFor(
  config: RunConfig,
  whole: MadeStep,
  { dataset: { examples, splits }, all }: Pick<ChosenData, 'dataset'> & { readonly all: readonly Int32Array[] },
  warn: (message: string) => void,
): Promise<{ engine: EngineSpec; buckets?: Buckets }> {
  const batched = { shardSizes: [], evaluated: all };
  const buckets = bucketsFor(config, examples, splits, all);
  try {
    return { engine: await chooseEngine(config, whole, formsOf(buckets, batched), warn), buckets };
  } catch (error) {
    if (!buckets || !(error instanceof ModelError) || !('file' in whole.spec.model)) throw error;
    warn(`${error.problem}; all batches are evaluated at the full length`);
    return { engine: await chooseEngine(config, whole, formsOf(undefined, batched), warn) };
  }
}
