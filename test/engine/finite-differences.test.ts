/** Gradients where tfjs's own are wrong or missing: both engines agree with finite differences of the loss. */
import { describe, expect, it } from 'vitest';
import { tensorOf } from '../../src/model/slab.js';
import { type Case, createEngines, fill } from '../support/engines.js';

const key = { seed: 1, step: 1, shard: 1 };
const cases: Record<string, Case['layers'][number]> = {
  'average pooling with padding': { averagePooling2d: { poolSize: 3, strides: 2, padding: 'same' } },
  'upsampling by nearest neighbours': { upSampling2d: { size: [2, 3] } },
  'dilated convolution': { conv2d: { filters: 3, kernelSize: 3, dilationRate: 2, padding: 'same' } },
};

describe('central differences of the loss', () => {
  for (const [name, layer] of Object.entries(cases)) {
    it(name, async () => {
      const example: Case = {
        layers: [{ conv2d: { filters: 3, kernelSize: 2 } }, layer, { flatten: {} }, { dense: { units: 4 } }],
        input: [9, 7, 3],
        classes: 4,
        loss: 'sparseCategoricalCrossentropy',
      };
      const { step, parameters, onnx, tfjs } = await createEngines(example, [5]);
      const tensor = step.layout.tensors.find(({ name }) => name.endsWith('bias'))!;
      for (const engine of [onnx, tfjs]) {
        fill(engine, example, parameters, 5);
        await engine.computeGradients(5, key);
        const gradient = Array.from(tensorOf(engine.gradients, tensor));
        for (let i = 0; i < tensor.size; i++) {
          const at = tensor.offset + i;
          const lossAt = async (shift: number) => {
            engine.parameters[at] = parameters[at] + shift;
            const loss = await engine.computeGradients(5, key);
            engine.parameters[at] = parameters[at];
            return loss;
          };
          const slope = ((await lossAt(5e-3)) - (await lossAt(-5e-3))) / 1e-2;
          expect(Math.abs(slope)).toBeGreaterThan(0.01);
          expect(Math.abs(gradient[i] - slope) / Math.abs(slope)).toBeLessThan(5e-3);
        }
      }
    });
  }
});
