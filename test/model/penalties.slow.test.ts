/** Regularizers: what each adds to the summed loss of a batch, in both engines. */
import { describe, expect, it } from 'vitest';
import { tensorOf } from '../../src/model/slab.js';
import { type Case, createEngines, fill } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();
const count = 6;
const key = { seed: 1, step: 1, shard: 0 };
const plain = { units: 3 };
const l1l2 = { className: 'L1L2', config: { l1: 0.03, l2: 0.2 } };

/** Loss sum, outputs and kernel of a dense layer with these options, by engine. */
async function measure(options: Record<string, unknown>) {
  const example: Case = { layers: [{ dense: { ...plain, ...options } }], input: [4], target: [3] };
  const { step, parameters, onnx, tfjs } = await createEngines(example, [count]);
  const kernel = Array.from(tensorOf(parameters, step.layout.tensors[0]));
  const results = [];
  for (const engine of [onnx, tfjs]) {
    fill(engine, example, parameters, count);
    const loss = await engine.computeGradients(count, key);
    results.push({ loss, outputs: Array.from((await engine.evaluate(count)).outputs), kernel });
    await engine.dispose();
  }
  return results;
}

const penalty = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + 0.03 * Math.abs(value) + 0.2 * value * value, 0);

/** Weights of every kind; only kernels are penalized. */
const mixed: Case = {
  layers: [
    { conv2d: { filters: 2, kernelSize: 2, name: 'conv' } },
    { batchNormalization: { name: 'norm' } },
    { reshape: { targetShape: [4, 2] } },
    { simpleRNN: { units: 3, name: 'memory' } },
    { dense: { units: 2, name: 'dense' } },
  ],
  input: [3, 3, 1],
  target: [2],
};

describe('training.l1 and training.l2', () => {
  it.each([
    [0.03, 0.2],
    [0.03, 0],
    [0, 0.2],
  ])('l1 %s and l2 %s add to the loss and its gradient what the formula says', async (l1, l2) => {
    const penalized = { ...mixed, spec: { l1, l2 } };
    const [without, having] = [await createEngines(mixed, [count]), await createEngines(penalized, [count])];
    for (const name of ['onnx', 'tfjs'] as const) {
      const losses: number[] = [];
      for (const { parameters, [name]: engine } of [without, having]) {
        fill(engine, mixed, parameters, count);
        losses.push(await engine.computeGradients(count, key));
      }
      let added = 0;
      for (const tensor of without.step.layout.tensors) {
        if (tensor.offset >= without.step.layout.state) continue;
        const values = tensorOf(without.parameters, tensor);
        const isKernel = tensor.name.endsWith('kernel');
        if (isKernel) added += values.reduce((sum, w) => sum + l1 * Math.abs(w) + l2 * w * w, 0);
        const [before, after] = [without, having].map(({ [name]: engine }) => tensorOf(engine.gradients, tensor));
        values.forEach((w, i) => {
          const expected = isKernel ? count * (l1 * Math.sign(w) + 2 * l2 * w) : 0;
          expect(after[i] - before[i]).toBeCloseTo(expected, 4);
        });
      }
      expect(added).toBeGreaterThan(0.1);
      expect(losses[1] - losses[0]).toBeCloseTo(count * added, 3);
    }
    const kernels = without.step.layout.tensors.filter(({ name }) => name.endsWith('kernel'));
    expect(kernels.map(({ name }) => name.split('/')[0])).toEqual(['conv', 'memory', 'memory', 'dense']);
  });

  it('leave frozen kernels and the loss of validation alone', async () => {
    const tuned = { layers: mixed.layers, freeze: ['conv', 'memory'] };
    const losses: number[] = [];
    const evaluations: number[][] = [];
    let kernel: number[] = [];
    for (const l2 of [0, 0.2]) {
      const { step, parameters, onnx } = await createEngines({ ...mixed, spec: { model: tuned, l2 } }, [count]);
      fill(onnx, mixed, parameters, count);
      losses.push(await onnx.computeGradients(count, key));
      evaluations.push(Array.from((await onnx.evaluate(count)).losses));
      kernel = Array.from(tensorOf(parameters, step.layout.tensors.find(({ name }) => name === 'dense/kernel')!));
    }
    const squares = kernel.reduce((sum, w) => sum + w * w, 0);
    expect(losses[1] - losses[0]).toBeCloseTo(count * 0.2 * squares, 4);
    expect(evaluations[1]).toEqual(evaluations[0]);
  });

  it('reach the engines from the config', async () => {
    const config = writeConfig(folder, 'decay', {
      data: { source: 'values', features: [[1], [2], [3]], targets: [2, 4, 6] },
      model: { layers: [{ dense: { units: 1, useBias: false } }] },
      loss: 'meanSquaredError',
      optimizer: { sgd: { learningRate: 0.05 } },
      training: { epochs: 300, batchSize: 'all', l1: 0.3, l2: 0.5 },
    });
    const { end } = await trained(config, [], folder);
    // The minimum of 14/3 (w - 2)^2 + 0.3 |w| + 0.5 w^2.
    expect(Object.values(end.weights!)[0][0]).toBeCloseTo((56 / 3 - 0.3) / (28 / 3 + 1), 5);
  });
});

describe('penalties', () => {
  it("of a recurrent layer's kernels are those of every example's loss too", async () => {
    const layer = (options: object): Case => ({
      layers: [{ bidirectional: { layer: { lstm: { units: 2, ...options } }, mergeMode: 'concat' } }],
      input: [3, 2],
      target: [4],
    });
    const [plain, having] = [layer({}), layer({ kernelRegularizer: l1l2 })];
    const [without, engines] = [await createEngines(plain, [count]), await createEngines(having, [count])];
    const kernels = without.step.layout.tensors.filter(({ name }) => /\/kernel$/.test(name));
    expect(kernels).toHaveLength(2);
    const added = kernels.reduce((sum, tensor) => sum + penalty([...tensorOf(without.parameters, tensor)]), 0);
    for (const name of ['onnx', 'tfjs'] as const) {
      const losses: number[] = [];
      for (const { parameters, [name]: engine } of [without, engines]) {
        fill(engine, plain, parameters, count);
        losses.push(await engine.computeGradients(count, key));
      }
      expect(added).toBeGreaterThan(0.1);
      expect(losses[1] - losses[0]).toBeCloseTo(count * added, 4);
    }
  });

  it('an activity regularizer adds that of every example', async () => {
    const [without, having] = [await measure({}), await measure({ activityRegularizer: l1l2 })];
    having.forEach(({ loss, outputs }, engine) => {
      expect(penalty(outputs)).toBeGreaterThan(0.1);
      expect(loss - without[engine].loss).toBeCloseTo(penalty(outputs), 4);
    });
  });

  it("a kernel regularizer is part of every example's loss, so that the mean holds it once", async () => {
    const [without, having] = [await measure({}), await measure({ kernelRegularizer: l1l2 })];
    having.forEach(({ loss, kernel }, engine) => {
      expect(penalty(kernel)).toBeGreaterThan(0.1);
      expect(loss - without[engine].loss).toBeCloseTo(count * penalty(kernel), 4);
    });
  });
});
