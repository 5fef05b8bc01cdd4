/**
 * Lowerings of normalization: by batch statistics (Ioffe and Szegedy 2015), along the last axis (Ba et al. 2016), and of a channel by its neighbours (local response
 * normalization, Krizhevsky et al. 2012) with its gradient.
 */
import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import { elementwise } from './elementwise.js';
import type { KernelCall, Lowering, Lowerings } from './lowering.js';

/** (x - mean) * scale / sqrt(variance + epsilon) + offset, with factor and shift of each channel computed first. */
const batchNorm: Lowering = (graph, call) => {
  const [x, mean, variance] = [call.input('x'), call.input('mean'), call.input('variance')];
  const [scale, offset] = [call.optional('scale'), call.optional('offset')];
  const epsilon = call.attribute<number>('varianceEpsilon');
  const deviation = elementwise(graph, [variance], (g, v) => g.node('Sqrt', [g.node('Add', [v, g.float(epsilon)])]));
  const factor = scale
    ? elementwise(graph, [scale, deviation], (g, s, d) => g.node('Div', [s, d]))
    : elementwise(graph, [deviation], (g, d) => g.node('Reciprocal', [d]));
  const scaledMean = elementwise(graph, [mean, factor], (g, m, f) => g.node('Mul', [m, f]));
  const shift = offset
    ? elementwise(graph, [offset, scaledMean], (g, o, m) => g.node('Sub', [o, m]))
    : elementwise(graph, [scaledMean], (g, m) => g.node('Neg', [m]));
  return elementwise(graph, [x, factor, shift], (g, a, f, s) => g.node('Add', [g.node('Mul', [a, f]), s]));
};

/** Sums over each channel's neighbours: one product with a band of ones. @param name [n, c, h, w] */
function neighbours(graph: GraphBuilder, name: string, [n, h, w, c]: readonly number[], radius: number): string {
  const band = new Float32Array(c! * c!);
  for (let i = 0; i < band.length; i++) band[i] = Number(Math.abs(Math.floor(i / c!) - (i % c!)) <= radius);
  const flat = graph.node('Reshape', [name, graph.int64([n!, c!, h! * w!])]);
  const sums = graph.node('MatMul', [graph.tensor(band, [c!, c!], 'float32'), flat]);
  return graph.node('Reshape', [sums, graph.int64([n!, c!, h!, w!])]);
}

/** bias + alpha * (sum of squares over the neighbours). */
function normOf(graph: GraphBuilder, call: KernelCall, x: StoredValue): string {
  const name = graph.channelsFirst(x);
  const squares = neighbours(graph, graph.node('Mul', [name, name]), x.shape, call.attribute('depthRadius'));
  const scaled = graph.node('Mul', [squares, graph.float(call.attribute('alpha'))]);
  return graph.node('Add', [scaled, graph.float(call.attribute('bias'))]);
}

const localResponse: Lowering = (graph, call) => {
  const x = call.input('x');
  const factor = graph.node('Pow', [normOf(graph, call, x), graph.float(-call.attribute<number>('beta'))]);
  return graph.channelsFirstValue(graph.node('Mul', [graph.channelsFirst(x), factor]), x.shape);
};

/** dx = dy * norm^-beta - 2 * alpha * beta * x * (sum over neighbours of y * dy / norm). */
const localResponseGradient: Lowering = (graph, call) => {
  const [x, y, dy] = [call.input('x'), call.input('y'), call.input('dy')];
  const [alpha, beta] = [call.attribute<number>('alpha'), call.attribute<number>('beta')];
  const norm = normOf(graph, call, x);
  const own = graph.node('Mul', [graph.channelsFirst(dy), graph.node('Pow', [norm, graph.float(-beta)])]);
  const weighed = graph.node('Div', [graph.node('Mul', [graph.channelsFirst(y), graph.channelsFirst(dy)]), norm]);
  const shared = neighbours(graph, weighed, x.shape, call.attribute('depthRadius'));
  const others = graph.node('Mul', [
    graph.node('Mul', [graph.channelsFirst(x), shared]),
    graph.float(2 * alpha * beta),
  ]);
  return graph.channelsFirstValue(graph.node('Sub', [own, others]), x.shape);
};

/** Along the last axis: the result, and mean and inverse deviation, which the gradient needs. */
const layerNorm: Lowering = (graph, call) => {
  const [x, scale, offset] = [call.input('x'), call.input('scale'), call.optional('offset')];
  const inputs = [x, scale, ...(offset ? [offset] : [])].map((input) => graph.rows(input));
  const epsilon = { float: call.attribute<number>('epsilon') };
  const [y, mean, inverse] = graph.nodes('LayerNormalization', inputs, 3, { axis: -1, epsilon }) as [
    string,
    string,
    string,
  ];
  const one = [...x.shape.slice(0, -1), 1];
  return [graph.value(y, x.shape), graph.value(mean, one), graph.value(inverse, one)];
};

/** By the root of the mean square along the last axis: the result, and the inverse root. */
const rmsNorm: Lowering = (graph, call) => {
  const [x, scale] = [call.input('x'), call.input('scale')];
  const epsilon = call.attribute<number>('epsilon');
  const one = [...x.shape.slice(0, -1), 1];
  const name = graph.rows(x);
  const squares = graph.node('ReduceMean', [graph.node('Mul', [name, name])], { axes: [-1], keepdims: 1 });
  const root = graph.node('Sqrt', [graph.node('Add', [squares, graph.float(epsilon)])]);
  const inverse = graph.value(graph.node('Reciprocal', [root]), one);
  const times = (a: StoredValue, b: StoredValue) => elementwise(graph, [a, b], (g, ...names) => g.node('Mul', names));
  return [times(times(x, inverse), scale), inverse];
};

/** Of both, by a kernel of ours: of x, scale and, where there is a mean, offset. */
const gradientOf =
  (kernel: 'layerNormGradient' | 'rmsNormGradient'): Lowering =>
  (graph, call) => {
    const [x, scale] = [call.input('x'), call.input('scale')];
    const columns = x.shape.at(-1)!;
    const rows = elements(x.shape) / columns;
    const isCentered = kernel === 'layerNormGradient';
    const given = [x, ...(isCentered ? [call.input('mean')] : []), call.input('inverse'), scale, call.input('dy')];
    const made = graph.kernel(
      kernel,
      given.map((value) => graph.rows(value)),
      [x.shape, [columns], ...(isCentered ? [[columns]] : [])],
      [rows, columns],
    );
    return made.map((name, i) => graph.value(name, i === 0 ? x.shape : [columns]));
  };

export const normalizationLowerings: Lowerings = {
  FusedBatchNorm: batchNorm,
  LayerNorm: layerNorm,
  LayerNormGrad: gradientOf('layerNormGradient'),
  LRN: localResponse,
  LRNGrad: localResponseGradient,
  RmsNorm: rmsNorm,
  RmsNormGrad: gradientOf('rmsNormGradient'),
};
