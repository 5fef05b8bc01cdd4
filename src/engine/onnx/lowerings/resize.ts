/** Lowerings of resizing and its gradients. Which pixels an output shows is known before: from sizes alone (model/tfjs/resizing.ts). */
import { bilinearSources, nearestSources, type ResizeOptions, resizeMatrix } from '../../../model/tfjs/resizing.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import type { KernelCall, Lowering, Lowerings, Shape4 } from './lowering.js';
import { castRows, taken } from './pieces.js';

const optionsOf = (call: KernelCall): ResizeOptions => ({
  alignCorners: call.attribute<boolean | undefined>('alignCorners') ?? false,
  halfPixelCenters: call.attribute<boolean | undefined>('halfPixelCenters') ?? false,
});

const resized = (images: StoredValue, call: KernelCall): Shape4 => {
  const [height, width] = call.attribute<[number, number]>('size');
  return [images.shape[0]!, height, width, images.shape[3]!];
};

/** Enlarges images by whole factors, as upSampling2d does. */
function repeated(graph: GraphBuilder, x: StoredValue, shape: Shape4): StoredValue {
  const scales = graph.tensor(Float32Array.of(1, 1, shape[1] / x.shape[1]!, shape[2] / x.shape[2]!), [4], 'float32');
  const name = graph.node('Resize', [graph.channelsFirst(x), '', scales], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  });
  return graph.channelsFirstValue(name, shape);
}

const nearest: Lowering = (graph, call) => {
  const x = call.input('images');
  const shape = resized(x, call);
  const options = optionsOf(call);
  const isWhole = [1, 2].every((i) => Number.isInteger(shape[i]! / x.shape[i]!));
  if (isWhole && !options.alignCorners && x.storage.type === 'float32') return repeated(graph, x, shape);
  const [rows, columns] = [1, 2].map((i) => nearestSources(x.shape[i]!, shape[i]!, options)) as [number[], number[]];
  const name = taken(graph, taken(graph, graph.channelsFirst(x), 2, rows), 3, columns);
  return graph.channelsFirstValue(name, shape, x.storage.type);
};

/** Blends along one axis of [n, c, h, w]. */
function blended(
  graph: GraphBuilder,
  name: string,
  axis: 2 | 3,
  from: number,
  to: number,
  options: ResizeOptions,
): string {
  const { low, high, shares } = bilinearSources(from, to, options);
  const lower = taken(graph, name, axis, low);
  if (shares.every((share, i) => share === 0 || low[i] === high[i])) return lower;
  const share = graph.tensor(Float32Array.from(shares), axis === 2 ? [to, 1] : [to], 'float32');
  const difference = graph.node('Sub', [taken(graph, name, axis, high), lower]);
  return graph.node('Add', [lower, graph.node('Mul', [difference, share])]);
}

/** Images as floats, channels-first. */
const floats = (graph: GraphBuilder, x: StoredValue): string =>
  graph.channelsFirst(x.storage.type === 'float32' ? x : graph.value(castRows(graph, x, 'float32'), x.shape));

const bilinear: Lowering = (graph, call) => {
  const x = call.input('images');
  const shape = resized(x, call);
  const options = optionsOf(call);
  const wide = blended(graph, floats(graph, x), 3, x.shape[2]!, shape[2], options);
  return graph.channelsFirstValue(blended(graph, wide, 2, x.shape[1]!, shape[1], options), shape);
};

/** Each pixel of the images gets what it gave: products with the matrices that resize rows and columns. */
const gradient =
  (kind: 'nearest' | 'bilinear'): Lowering =>
  (graph, call) => {
    const [dy, images] = [call.input('dy'), call.input('images')];
    const [rows, columns] = [1, 2].map((i) => resizeMatrix(kind, images.shape[i]!, dy.shape[i]!, optionsOf(call)));
    const [height, width] = [images.shape[1]!, images.shape[2]!];
    const tall = graph.tensor(rows!.transposed, [height, dy.shape[1]!], 'float32');
    const wide = graph.tensor(columns!.matrix, [dy.shape[2]!, width], 'float32');
    const name = graph.node('MatMul', [graph.node('MatMul', [tall, graph.channelsFirst(dy)]), wide]);
    return graph.channelsFirstValue(name, images.shape);
  };

export const resizeLowerings: Lowerings = {
  ResizeBilinear: bilinear,
  ResizeBilinearGrad: gradient('bilinear'),
  ResizeNearestNeighbor: nearest,
  ResizeNearestNeighborGrad: gradient('nearest'),
};
