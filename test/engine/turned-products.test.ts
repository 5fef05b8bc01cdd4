/** Matrix products read transposed copies of matrices whose rows are whole pages of memory, and only of those; exported models do not. */
import { expect, it } from 'vitest';
import { compileEvaluation, compileGradients } from '../../src/engine/onnx/compile.js';
import { createStepModel } from '../../src/engine/step.js';
import { inferenceGraph } from '../../src/export/inference.js';
import type { LayerWeight } from '../../src/model/build/layer-weights.js';
import { specOf } from '../support/engines.js';

async function modelOf(units: number) {
  const dense = (width: number) => ({ dense: { units: width, activation: 'relu' as const } });
  return createStepModel(specOf({ layers: [dense(units), dense(256), dense(10)], input: [5], target: [10] }));
}

const transposes = (graph: ReturnType<typeof compileGradients>): number =>
  graph.subgraphs.reduce((sum, subgraph) => {
    const text = subgraph.kind === 'session' ? Buffer.from(subgraph.bytes).toString('latin1') : '';
    return sum + text.split('Transpose').length - 1;
  }, 0);

it('copies what has rows of whole pages, once for all products that read it', async () => {
  const wide = await modelOf(1024);
  // The activations of the first layer: read by the product of the second, and by that of the gradient of its weights.
  expect(transposes(compileGradients(wide, 8))).toBe(1);
  expect(transposes(compileEvaluation(wide, 8))).toBe(1);
  expect(transposes(compileGradients(await modelOf(1000), 8))).toBe(0);
});

it('is not for models that others run', async () => {
  const { model } = (await modelOf(1024)).built;
  const weights = model.weights as unknown as LayerWeight[];
  const { nodes } = inferenceGraph(
    { model, weights, inputs: [{ name: 'input', shape: [5] }], outputs: [{ name: 'output' }] },
    8,
  );
  expect(nodes.filter(({ op }) => op === 'Gemm').length).toBe(3);
  expect(nodes.filter(({ op }) => op === 'Transpose')).toEqual([]);
});
