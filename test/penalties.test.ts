/** Regularizers: what each adds to the summed loss of a batch, in both engines. */
import { describe, expect, it } from 'vitest';
import { tensorOf } from '../src/model/slab.js';
import { type Case, createEngines, fill } from './support/engines.js';

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

describe('penalties', () => {
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
