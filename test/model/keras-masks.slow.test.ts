/** Masks as Keras 3.15.1 hands them from layer to layer: outputs and output masks of its own models (scripts/peers/keras_masks.py). */
import '../../src/model/tfjs/core-gaps.js';
import { describe, expect, it } from 'vitest';
import type { LayerConfig } from '../../src/config/model.js';
import { loadBackend } from '../../src/engine/backends.js';
import { createStepModel } from '../../src/engine/step.js';
import { ModelError } from '../../src/errors.js';
import { maskedOutputs } from '../../src/model/forward.js';
import { createEngines, fill, relativeError, specOf } from '../support/engines.js';
import { temporaryFolder } from '../support/folder.js';
import { kerasCases, kerasDifference, runKeras } from '../support/keras-fixture.js';
import { fieldsOf } from '../support/parts.js';

const folder = temporaryFolder();

it.each(kerasCases('keras-masks.json'))('$name is what Keras computes', async (example) => {
  await loadBackend('cpu');
  const { outputs, masks } = await runKeras(example, folder);
  expect(kerasDifference(outputs[0], example.output)).toBeLessThan(1e-5);
  expect(masks[0] === null).toBe(example.mask === null);
  if (example.mask) expect(kerasDifference(masks[0]!, example.mask)).toBe(0);
});

const onIds = (...layers: LayerConfig[]) => ({
  layers: [{ embedding: { inputDim: 6, outputDim: 3, maskZero: true } }, ...layers],
  input: [5],
  target: [] as number[],
  features: (random: () => number) => Math.floor(random() * 6),
});

describe('a list of layers with a mask', () => {
  it.each([
    [{ globalAveragePooling1d: {} }, { dense: { units: 1 } }],
    [
      { bidirectional: { layer: { gru: { units: 2, returnSequences: true } } } },
      { globalAveragePooling1d: {} },
      { dense: { units: 1 } },
    ],
    [{ lstm: { units: 2 } }, { dense: { units: 1 } }],
  ] as LayerConfig[][])('is trained alike by both engines: %j', async (...layers) => {
    const example = { ...onIds(...layers), target: [1] };
    const { parameters, onnx, tfjs } = await createEngines(example, [4]);
    for (const engine of [onnx, tfjs]) fill(engine, example, parameters, 4);
    const key = { seed: 1, step: 0, shard: 0 };
    const losses = [await onnx.computeGradients(4, key), await tfjs.computeGradients(4, key)];
    expect(relativeError([losses[0]], [losses[1]])).toBeLessThan(1e-4);
    expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
  });

  it.each([
    ['softmax', { softmax: {} }, 'activation: softmax'],
    ['batchNormalization', { batchNormalization: {} }, 'layerNormalization'],
    ['timeDistributed', { timeDistributed: { layer: { batchNormalization: {} } } }, 'timeDistributed'],
  ] as [string, LayerConfig, string][])('is refused where %s would use it', async (_, layer, remedy) => {
    const example = onIds(layer, { flatten: {} }, { dense: { units: 1 } });
    const error = await createStepModel({ ...specOf(example) }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ModelError);
    expect((error as ModelError).problem).toContain('is given a mask');
    expect((error as ModelError).remedy).toContain(remedy);
  });

  it('says whether its output has one', async () => {
    const masked = async (...layers: LayerConfig[]) => {
      const step = await createStepModel({
        ...specOf(onIds(...layers)),
        fields: fieldsOf({ featureShape: [5], targetShape: [5, 2] }),
      });
      return maskedOutputs(step.built.model)[0];
    };
    expect(await masked({ lstm: { units: 2, returnSequences: true } })).toBe(true);
    expect(await masked({ dense: { units: 2 } })).toBe(true);
    expect(await masked({ conv1d: { filters: 2, kernelSize: 1 } })).toBe(false);
  });
});
