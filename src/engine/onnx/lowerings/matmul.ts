/** Lowerings of matrix products: one Gemm wherever the batch dimensions allow it. */
import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import { activation } from './elementwise.js';
import { broadcast, type KernelCall, type Lowerings, unsupported } from './lowering.js';

const lastTwo = (shape: readonly number[]): [number, number] => [shape.at(-2)!, shape.at(-1)!];

function product(graph: GraphBuilder, call: KernelCall, bias?: StoredValue): StoredValue {
  const [a, b] = [call.input('a'), call.input('b')];
  const [transA, transB] = [call.attribute('transposeA', false), call.attribute('transposeB', false)];
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
  if (a.storage.type !== 'float32') return wholeProduct(graph, call, shape);

  // Without a batch, or with one that only lengthens the rows of a, the product is a Gemm of two matrices.
  const aBatch = elements(a.shape.slice(0, -2));
  const bBatch = elements(b.shape.slice(0, -2));
  if (bBatch === 1 && (aBatch === 1 || !transA)) {
    const left = leftFactor(graph, { storage: a.storage, shape: [aBatch * aRows, aColumns] }, transA, n);
    const inputs = [left.name, graph.rows(b, [bRows, bColumns])];
    if (bias) inputs.push(graph.rows(bias));
    const name = graph.node('Gemm', inputs, { transA: Number(left.transposed), transB: Number(transB) });
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

/** A product of whole numbers, for which ONNX Runtime has MatMul alone. */
function wholeProduct(graph: GraphBuilder, call: KernelCall, shape: readonly number[]): StoredValue {
  const factor = (name: 'a' | 'b', transposed: boolean): string => {
    const { storage, shape } = call.input(name);
    if (storage.type !== 'int32') unsupported(call.kernel, `elements of type ${storage.type}`);
    const rows = graph.rows({ storage, shape });
    const perm = shape.map((_, i) => i);
    return transposed
      ? graph.node('Transpose', [rows], { perm: [...perm.slice(0, -2), ...perm.slice(-2).reverse()] })
      : rows;
  };
  const factors = [factor('a', call.attribute('transposeA', false)), factor('b', call.attribute('transposeB', false))];
  return graph.value(graph.node('MatMul', factors), shape, 'int32');
}

/** Floats of a page of memory. */
const pageFloats = 1024;
/** Columns of a product that are worth a transposed copy of its left factor. */
const payingWidth = 256;

/**
 * The left factor of a product as a Gemm reads it: a tensor, and whether it is multiplied transposed.
 *
 * ONNX Runtime's kernels read a left factor where it is, a dozen rows at a time. Rows of whole pages compete for the same
 * few lines of the first cache, which costs a third of the speed where anybody else uses that cache, such as a second
 * thread of the core. A transposed factor they copy first. The copy then also serves the product of the gradient of
 * weights, which is faster when it need not transpose.
 */
function leftFactor(
  graph: GraphBuilder,
  matrix: StoredValue,
  transposed: boolean,
  width: number,
): { name: string; transposed: boolean } {
  const isOfPages = !transposed && matrix.shape[1] % pageFloats === 0;
  const isCopied = graph.turnsProducts && isOfPages && width >= payingWidth;
  return isCopied || (transposed && graph.hasColumns(matrix))
    ? { name: graph.columns(matrix), transposed: !transposed }
    : { name: graph.rows(matrix), transposed };
}

export const matmulLowerings: Lowerings = {
  BatchMatMul: (graph, call) => product(graph, call),
  _FusedMatMul: (graph, call) => activation(graph, product(graph, call, call.optional('bias')), call),
};
