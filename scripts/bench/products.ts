/**
 * The matrix products of a training step: the arithmetic that no implementation avoids, whatever else it does. A convolution
 * counts as the product that it is equal to (im2col: rows are places of the output, columns filters).
 */
import type { Workload } from './workloads.js';

/** [m, k] times [k, n]. */
export type Product = readonly [m: number, k: number, n: number];

/** Floating-point operations; a multiplication and an addition each. */
export const flopsOf = (products: readonly Product[]): number =>
  products.reduce((sum, [m, k, n]) => sum + 2 * m * k * n, 0);

/**
 * Those of forward and backward pass on a worker's batch. The gradient with respect to the first layer's input is nobody's
 * need, and is not among them.
 */
export function stepProducts({ featureShape, batch, layers }: Workload): Product[] {
  const products: Product[] = [];
  let shape = featureShape;
  for (const layer of layers) {
    const [[kind, options]] = Object.entries(layer) as [string, Record<string, number>][];
    const next = outputShape(kind, options, shape);
    const forward = productOf(kind, options, shape, next, batch);
    if (forward)
      products.push(...(products.length > 0 ? [forward, ...gradients(forward)] : [forward, gradients(forward)[0]]));
    shape = next;
  }
  return products;
}

function outputShape(kind: string, options: Record<string, number>, shape: readonly number[]): readonly number[] {
  const [height, width, channels] = shape;
  if (kind === 'dense') return [options.units];
  if (kind === 'flatten') return [shape.reduce((product, size) => product * size, 1)];
  if (kind === 'conv2d') return [height - options.kernelSize + 1, width - options.kernelSize + 1, options.filters];
  if (kind === 'maxPooling2d')
    return [Math.floor(height / options.poolSize), Math.floor(width / options.poolSize), channels];
  throw new Error(`no benchmark has a layer ${kind}`);
}

function productOf(
  kind: string,
  options: Record<string, number>,
  shape: readonly number[],
  [height, width]: readonly number[],
  batch: number,
): Product | undefined {
  if (kind === 'dense') return [batch, shape[0], options.units];
  if (kind === 'conv2d') return [batch * height * width, options.kernelSize ** 2 * shape[2], options.filters];
  return undefined;
}

/** Of the weights, and of the input. */
const gradients = ([m, k, n]: Product): [Product, Product] => [
  [k, m, n],
  [m, n, k],
];
