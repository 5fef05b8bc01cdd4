/** Which pixels resizing reads along one axis, as tfjs's kernels do: known from the sizes alone. */

export interface ResizeOptions {
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}

/** For each pixel of the output, where it lies among the pixels of the input. */
function positions(
  from: number,
  to: number,
  { alignCorners, halfPixelCenters }: ResizeOptions,
  offset: number,
): number[] {
  const ratio = alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to;
  return Array.from({ length: to }, (_, i) => (halfPixelCenters ? ratio * (i + 0.5) - offset : ratio * i));
}

/** The input's pixel that each pixel of the output shows. */
export const nearestSources = (from: number, to: number, options: ResizeOptions): number[] =>
  positions(from, to, options, 0).map((at) =>
    Math.max(0, Math.min(from - 1, options.alignCorners ? Math.round(at) : Math.floor(at))),
  );

/** The two pixels that each pixel of the output blends, and the second one's share. */
export function bilinearSources(from: number, to: number, options: ResizeOptions) {
  const places = positions(from, to, options, 0.5);
  const low = places.map((at) => Math.max(0, Math.floor(at)));
  const high = places.map((at) => Math.max(0, Math.min(from - 1, Math.ceil(at))));
  return { low, high, shares: places.map((at, i) => at - low[i]) };
}

/** Resizing an axis as a matrix [to, from], and transposed. */
export function resizeMatrix(kind: 'nearest' | 'bilinear', from: number, to: number, options: ResizeOptions) {
  const [matrix, transposed] = [new Float32Array(to * from), new Float32Array(to * from)];
  const add = (row: number, column: number, share: number) => {
    matrix[row * from + column] += share;
    transposed[column * to + row] += share;
  };
  if (kind === 'nearest') {
    nearestSources(from, to, options).forEach((column, row) => {
      add(row, column, 1);
    });
    return { matrix, transposed };
  }
  const { low, high, shares } = bilinearSources(from, to, options);
  shares.forEach((share, row) => {
    add(row, low[row], 1 - share);
    add(row, high[row], share);
  });
  return { matrix, transposed };
}
