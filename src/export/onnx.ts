/** A trained model as an ONNX file. */

import { encodeModel, type OnnxDescription, type OnnxGraph } from '../engine/onnx/proto.js';
import { elements } from '../ground/elements.js';
import { anyBatchGraph, inferenceGraph, type Predictable, portsOf } from './inference.js';
import { runGraph } from './predictor.js';

/** Examples of the batch on which a graph for any batch is tried. */
const trialCount = 3;

/**
 * The file's bytes: inputs and outputs [batch, ...shape] by their names, all float32, opset 17.
 *
 * @param batch examples of a batch, or `dynamic` for any number
 * @param warn told where the model cannot be exported for any number, and takes one example at a time instead
 * @param extend adds to the graph what is made of its outputs
 * @throws UnsupportedModelError when a layer has no lowering
 */
export function onnxFile(
  target: Predictable,
  batch: number | 'dynamic',
  description: OnnxDescription,
  warn: (message: string) => void,
  extend: (graph: OnnxGraph) => OnnxGraph = (graph) => graph,
): Uint8Array {
  if (batch !== 'dynamic') return encodeModel(extend(inferenceGraph(target, batch)), description);
  const graph = anyBatchGraph(target);
  if (graph) {
    const bytes = encodeModel(graph, description);
    if (agrees(graph, bytes, target)) return encodeModel(extend(graph), description);
  }
  warn('what this model computes depends on the size of the batch: the file takes one example at a time (see --batch)');
  return encodeModel(extend(inferenceGraph(target, 1)), description);
}

/** Whether the graph for any batch computes what one traced for a batch of this very size does. */
function agrees(graph: OnnxGraph, bytes: Uint8Array, target: Predictable): boolean {
  // Small whole numbers are inputs of every kind: pixels, categories, tokens.
  const inputs = portsOf(target).map(({ shape }, port) => {
    const width = elements(shape);
    // Of a sequence, at least one place counts.
    const isFirst = (i: number) => port >= target.inputs.length && i % width === 0;
    return Float32Array.from({ length: trialCount * width }, (_, i) => (isFirst(i) ? 1 : i % 2));
  });
  try {
    const outputs = runGraph(graph, target, trialCount, bytes)(inputs);
    const expected = runGraph(inferenceGraph(target, trialCount), target, trialCount)(inputs);
    return outputs.every((values, i) => values.every((value, j) => isNear(value, expected[i][j])));
  } catch {
    // ONNX Runtime refuses sizes that do not fit.
    return false;
  }
}

const isNear = (value: number, expected: number): boolean =>
  Object.is(value, expected) || Math.abs(value - expected) <= 1e-5 * Math.max(1, Math.abs(expected));
