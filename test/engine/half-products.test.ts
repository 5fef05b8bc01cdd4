/** Steps whose products are float16: what is rounded, what is not, and how far they are from those in float32. */
import { expect, it } from 'vitest';
import { traceGradients } from '../../src/engine/onnx/compile.js';
import { halfProducts } from '../../src/engine/onnx/half-products.js';
import { deviceRules } from '../../src/engine/onnx/rewrites/device-rules.js';
import { rewritten } from '../../src/engine/onnx/rewrites/rewrite.js';
import { checkRuns } from '../../src/engine/onnx/runtime.js';
import { modelsOf } from '../../src/engine/onnx/step-loop.js';
import { cutGraph } from '../../src/engine/onnx/subgraphs.js';
import { createStepModel } from '../../src/engine/step.js';
import { layers } from '../support/conformance-layers.js';
import { decoder } from '../support/conformance-losses.js';
import { type Case, createEngines, fill, relativeError, specOf } from '../support/engines.js';
import { batchParts } from '../support/parts.js';

const key = { seed: 5, step: 3, shard: 1 };
const half = { precision: 'float16' } as const;

it('reads and writes float16 in products, and takes numbers as they are elsewhere', async () => {
  const layer = { dense: { units: 1, useBias: false } };
  const example: Case = { layers: [layer], input: [1], target: [1], spec: half };
  const { onnx, tfjs } = await createEngines(example, [1]);
  const gradientOf = async (x: number, weight: number, target: number) => {
    onnx.parameters[0] = weight;
    const { features, targets } = batchParts(onnx.buffers(1));
    [features[0], targets[0]] = [x, target];
    const loss = await onnx.computeGradients(1, key);
    return [loss, onnx.gradients[0]];
  };
  // float16 has 11 bits: 1 + 2^-12 is read as 1, by the forward product and by that of the gradient.
  const above = 1 + 2 ** -12;
  expect(await gradientOf(above, 0, -0.5)).toEqual([0.25, 1]);
  expect(await gradientOf(above, 1, 0)).toEqual([1, 2]);
  // The parameter, too, while the loss is in float32: it tells 1 from the target.
  expect(await gradientOf(1, above, above)).toEqual([2 ** -24, -(2 ** -11)]);
  // What a product comes to has no place above 65504.
  expect(await gradientOf(512, 200, 0)).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  await onnx.dispose();
  await tfjs.dispose();
});

const cases: Record<string, Case> = {
  'a convolution with normalization and pooling': {
    layers: [
      { conv2d: { filters: 5, kernelSize: 3 } },
      { batchNormalization: {} },
      { maxPooling2d: { poolSize: 2 } },
      { flatten: {} },
      { dense: { units: 4 } },
    ],
    input: [9, 7, 3],
    classes: 4,
    loss: 'sparseCategoricalCrossentropy',
  },
  'a decoder': decoder,
  'a recurrent layer': layers.lstm!,
};
for (const [name, example] of Object.entries(cases)) {
  it(`comes near to float32 for ${name}`, async () => {
    const { onnx, tfjs, step, parameters } = await createEngines({ ...example, spec: half }, [5]);
    for (const engine of [onnx, tfjs]) fill(engine, example, parameters, 5);
    const [loss, wanted] = [await onnx.computeGradients(5, key), await tfjs.computeGradients(5, key)];
    expect(Math.abs(loss / wanted - 1)).toBeLessThan(1e-3);
    const error = relativeError(onnx.gradients, tfjs.gradients);
    expect(error).toBeLessThan(5e-3);
    expect(error).toBeGreaterThan(1e-5);
    const { trainable } = step.layout;
    expect(relativeError(onnx.gradients.subarray(trainable), tfjs.gradients.subarray(trainable))).toBeLessThan(5e-3);
    await onnx.dispose();
    await tfjs.dispose();
  });

  it(`has operators of the types that ONNX asks for in ${name} on a device`, async () => {
    const made = await createStepModel({ ...specOf(example), ...half });
    const { graph } = traceGradients(made, 5);
    const native = halfProducts(rewritten(graph, deviceRules), true);
    for (const model of cutGraph(native).subgraphs.flatMap(modelsOf)) checkRuns(model);
    // Products alone, with float16 on every side.
    const types = new Map(
      native.nodes.flatMap(({ op, outputs, attributes }) =>
        op === 'Cast' ? outputs.map((to) => [to, attributes.to]) : [],
      ),
    );
    const products = native.nodes.filter(({ op }) => /^(Conv|ConvTranspose|Gemm|MatMul|FusedMatMul)$/.test(op));
    expect(products.length).toBeGreaterThan(2);
    for (const { inputs } of products) expect(inputs.map((input) => types.get(input))).toEqual(inputs.map(() => 10));
    const others = native.nodes.filter((node) => node.op !== 'Cast' && !products.includes(node));
    for (const { inputs } of others) expect(inputs.map((input) => types.get(input))).not.toContain(10);
  });
}
