/** Lowerings of matrix products: one Gemm wherever the batch dimensions allow it. */
import { elements } from '../../data/examples.js';
import { activation } from './elementwise.js';
import type { GraphBuilder, Value } from './graph.js';
import { broadcast, type KernelCall, type Lowerings } from './lowering.js';

const lastTwo = (shape: readonly number[]): [number, number] => [shape.at(-2)!, shape.at(-1)!];

function product(graph: GraphBuilder, call: KernelCall, bias?: Value): Value {
  const [a, b] = [call.input('a'), call.input('b')];
  const [transA, transB] = [call.attribute<boolean>('transposeA'), call.attribute<boolean>('transposeB')];
  const [aRows, aColumns] = lastTwo(a.shape);
  const [bRows, bColumns] = lastTwo(b.shape);
  const m = transA ? aColumns : aRows;
  const n = transB ? bRows : bColumns;
  // tfjs leaves this to its backends.
  if ((transA ? aRows : aColumns) !== (transB ? bColumns : bRows)) {
    throw new Error(`matMul: the shapes [${a.shape.join(', ')}] and [${b.shape.join(', ')}] do not fit`);
  }
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const shape = [...batch, m, n];

  // Without a batch, or with one that only lengthens the rows of a, the product is a Gemm of two matrices.
  const aBatch = elements(a.shape.slice(0, -2));
  const bBatch = elements(b.shape.slice(0, -2));
  if (bBatch === 1 && (aBatch === 1 || !transA)) {
    const inputs = [graph.rows(a, [aBatch * aRows, aColumns]), graph.rows(b, [bRows, bColumns])];
    if (bias) inputs.push(graph.rows(bias));
    const name = graph.node('Gemm', inputs, { transA: Number(transA), transB: Number(transB) });
    return { storage: graph.value(name, [transA ? m : aBatch * m, n]).storage, shape };
  }
  const name = graph.node(
    'FusedMatMul',
    [graph.rows(a), graph.rows(b)],
    { transA: Number(transA), transB: Number(transB) },
    'com.microsoft',
  );
  return graph.value(bias ? graph.node('Add', [name, graph.rows(bias)]) : name, shape);
}

export const matmulLowerings: Lowerings = {
  BatchMatMul: (graph, call) => product(graph, call),
  _FusedMatMul: (graph, call) => activation(graph, product(graph, call, call.optional('bias')), call),
};
