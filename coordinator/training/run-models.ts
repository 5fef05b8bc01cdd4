/** The models that a run saves into its folder: the trained one, the best, and the last that was finite. */
import { join } from 'node:path';
import { withTarget } from '../../src/data/encoding.js';
import { isPlain } from '../../src/data/field.js';
import { LockstepError } from '../../src/errors.js';
import { saveModel } from '../../src/model/files/save.js';
import { outputEncoding } from '../../src/model/outputs.js';
import { parameterCount, tensorOf } from '../../src/model/slab.js';
import type { PreparedRun } from '../prepare/prepare.js';

/** Models of at most so many parameters are shown number by number. */
const readableParameters = 20;

/**
 * @param name of its folder in that of the run
 * @returns path of the model.json; null where it cannot be written, which the run survives
 */
export async function saveRunModel(run: PreparedRun, name: string, parameters: Float32Array): Promise<string | null> {
  const { step, folder, dataset, lock, unwritten } = run;
  const path = join(folder, name);
  const encoding = step.heads.reduce((encoding, { target, spec, output, lossConfig }) => {
    const index = isPlain(target) ? {} : { index: output };
    return withTarget(encoding, target, { outputs: { ...outputEncoding(spec.outputs, lossConfig), ...index } });
  }, dataset.encoding);
  try {
    lock.check();
    const file = await saveModel(step.built.model, step.weights, step.layout, parameters, path, encoding);
    unwritten.written(path);
    return file;
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    unwritten.failed(path, error);
    return null;
  }
}

/** Every weight by its name; undefined where there are too many to read. */
export function readableWeights({ step, trainer }: PreparedRun): Record<string, number[]> | undefined {
  const { tensors } = step.layout;
  if (parameterCount(tensors) > readableParameters) return undefined;
  const evaluated = trainer.updateEvaluated();
  return Object.fromEntries(tensors.map((t) => [t.name, Array.from(tensorOf(evaluated, t))]));
}
