/** The ONNX models that rules of an optimizer run. They are made once: threads do without what encodes them. */
import type { OptimizerConfig } from '../config/optimizer.js';
import { encodeModel, type OnnxNode } from '../engine/onnx/proto.js';
import type { SlabLayout } from '../model/slab.js';
import { matricesOf } from './muon.js';
import { coefficients, type RuleModels, shapeKey } from './newton-schulz.js';

/** Those of a config, one for each shape of matrix. */
export function ruleModels(config: OptimizerConfig, layout: SlabLayout): RuleModels {
  if (!('muon' in config)) return new Map();
  const { steps } = config.muon;
  return new Map(
    matricesOf(config.muon, layout).map(({ shape }) => [shapeKey(shape), newtonSchulzModel(shape, steps)]),
  );
}

function newtonSchulzModel(shape: readonly number[], steps: number): Uint8Array {
  const [rows, columns] = shape;
  return encodeModel({
    nodes: Array.from({ length: steps }, (_, i) => nodesOf(rows <= columns, i, i === steps - 1)).flat(),
    inputs: [{ name: 'x0', type: 'float32', shape }],
    outputs: [{ name: 'result', type: 'float32', shape }],
    constants: [],
  });
}

/** One step: x = a x + (b g + c g g) x, where g = x x'; of tall matrices from the other side, where g = x' x is smaller. */
function nodesOf(isWide: boolean, i: number, isLast: boolean): OnnxNode[] {
  const { a, b, c } = coefficients;
  const [x, gram, change, next] = [`x${i}`, `gram${i}`, `change${i}`, isLast ? 'result' : `x${i + 1}`];
  const gemm = (inputs: string[], output: string, attributes: OnnxNode['attributes']): OnnxNode => ({
    op: 'Gemm',
    inputs,
    outputs: [output],
    attributes,
  });
  return [
    gemm([x, x], gram, isWide ? { transB: 1 } : { transA: 1 }),
    gemm([gram, gram, gram], change, { alpha: { float: c }, beta: { float: b } }),
    gemm(isWide ? [change, x, x] : [x, change, x], next, { beta: { float: a } }),
  ];
}
