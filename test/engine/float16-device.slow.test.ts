/** A device without float16: a run that needs it is refused before anything is computed. */
import { expect } from 'vitest';
import { checkPrecision } from '../../coordinator/prepare/check-precision.js';
import { createEngines } from '../support/engines.js';
import { skipIf } from '../support/skip-if.js';
import { onSwiftshader, swiftshaderMissing } from '../support/swiftshader.js';

const { it } = skipIf(swiftshaderMissing);

it('is refused by name, with what to do', () =>
  onSwiftshader(async () => {
    expect(() => checkPrecision('float16', () => {})).toThrow(
      expect.objectContaining({
        problem: 'training.precision: float16: the device that WebGPU computes on has no float16',
        remedy: expect.stringContaining('--set training.precision=float32'),
      }),
    );
    expect(() => checkPrecision('float32', () => {})).not.toThrow();
  }));

it('is named by the steps of a run that others have begun', () =>
  onSwiftshader(async () => {
    const layers = [{ dense: { units: 1 } }];
    const { onnx, tfjs } = await createEngines(
      { layers, input: [2], target: [1], spec: { precision: 'float16' } },
      [1],
    );
    await expect(onnx.computeGradients(1, { seed: 0, step: 0, shard: 0 })).rejects.toMatchObject({
      remedy: expect.stringContaining('products of this run are float16'),
    });
    await onnx.dispose();
    await tfjs.dispose();
  }));
