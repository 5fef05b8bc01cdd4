/** What calls of our own kernels read and write: how many floats at each address, by the numbers that they are given. */

export interface KernelCallSizes {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

type CallNumbers = readonly number[];

function ofPooling([planes, h, w, outH, outW, ...window]: CallNumbers): KernelCallSizes | string {
  type Window = [number, number, number, number, number, number, number];
  const [kernelH, kernelW, strideH, strideW, top, left, positive] = window as Window;
  const isInside =
    Math.min(kernelH, kernelW, strideH, strideW) >= 1 &&
    (outH! - 1) * strideH - top < h! &&
    (outW! - 1) * strideW - left < w! &&
    top < kernelH &&
    left < kernelW &&
    positive <= 1;
  if (!isInside) return 'have a window outside of its plane';
  const x = planes! * h! * w!;
  return { inputs: [x, planes! * outH! * outW!], outputs: [x] };
}

/** Rows of four floats at a time. */
const rowsOf =
  (sizes: (size: number, rows: number, columns: number) => KernelCallSizes) =>
  ([rows, columns]: CallNumbers): KernelCallSizes | string =>
    columns! % 4 === 0 && rows! * columns! > 0
      ? sizes(rows! * columns!, rows!, columns!)
      : 'are no rows of four numbers or more';

/** Rows of four floats or more. */
const longRows =
  (sizes: (size: number, rows: number) => KernelCallSizes) =>
  ([rows, columns]: CallNumbers): KernelCallSizes | string =>
    rows! > 0 && columns! >= 4 ? sizes(rows! * columns!, rows!) : 'are no rows of four numbers or more';

/** Matrices of scores, whose rows see some of their keys; 16 keys are read at a time. */
const scoresOf =
  (inputs: number) =>
  ([matrices, rows, keys, seen, size, blocked]: CallNumbers): KernelCallSizes | string => {
    const numbers = matrices! * rows! * keys!;
    const fits = numbers > 0 && keys! % 16 === 0 && seen! >= 1 && seen! <= keys! && size! >= 1 && blocked! <= 1;
    return fits ? { inputs: Array<number>(inputs).fill(numbers), outputs: [numbers] } : 'are no matrices of scores';
  };

/** Matrices in blocks of 16 by 16. */
const blocksOf =
  (sizes: (size: number, rows: number, columns: number) => KernelCallSizes) =>
  ([rows, columns, ...more]: CallNumbers): KernelCallSizes | string =>
    rows! % 16 === 0 && columns! % 16 === 0 && rows! * columns! > 0 && more.every((number) => number < 2 ** 31)
      ? sizes(rows! * columns!, rows!, columns!)
      : 'are no matrix in blocks';

const headsInBlocks = ([batch, heads, places, size, turned]: CallNumbers): KernelCallSizes | string => {
  const numbers = batch! * heads! * places! * size!;
  const fits = numbers > 0 && places! % 16 === 0 && size! % 16 === 0 && turned! <= 1;
  return fits ? { inputs: [numbers], outputs: [numbers] } : 'are no heads in blocks';
};

const kernels: Readonly<
  Record<
    string,
    {
      numbers: number;
      sizes: (numbers: CallNumbers) => KernelCallSizes | string;
      /** The input in whose place the first output may lie: the kernel has read there what it writes. */
      over?: number;
    }
  >
> = {
  maxPoolGradient: { numbers: 12, sizes: ofPooling },
  activation: {
    numbers: 2,
    over: 0,
    sizes: ([n]) => (n! % 4 === 0 ? { inputs: [n!], outputs: [n!, n!] } : 'are not four numbers or more'),
  },
  biasedActivation: {
    numbers: 3,
    over: 0,
    sizes: rowsOf((size, _, columns) => ({ inputs: [size, columns], outputs: [size, size] })),
  },
  attentionShares: { numbers: 6, over: 0, sizes: scoresOf(1) },
  attentionSlopes: { numbers: 6, over: 1, sizes: scoresOf(2) },
  blockedLayerNorm: {
    numbers: 3,
    sizes: blocksOf((size, rows, columns) => ({ inputs: [size, columns, columns], outputs: [size, rows, rows] })),
  },
  blockedLayerNormGradient: {
    numbers: 3,
    sizes: blocksOf((size, rows, columns) => ({
      inputs: [size, rows, rows, columns, size, size],
      outputs: [size, columns, columns],
    })),
  },
  blocksToHeads: { numbers: 5, sizes: headsInBlocks },
  headsToBlocks: { numbers: 5, sizes: headsInBlocks },
  turnBlocks: { numbers: 2, sizes: blocksOf((size) => ({ inputs: [size], outputs: [size] })) },
  crossEntropy: {
    numbers: 2,
    sizes: longRows((size, rows) => ({ inputs: [size, rows], outputs: [rows, rows, rows] })),
  },
  crossEntropyGradient: {
    numbers: 2,
    over: 0,
    sizes: longRows((size, rows) => ({ inputs: [size, rows, rows, rows, rows], outputs: [size] })),
  },
  layerNormGradient: {
    numbers: 2,
    over: 4,
    sizes: rowsOf((size, rows, columns) => ({
      inputs: [size, rows, rows, columns, size],
      outputs: [size, columns, columns],
    })),
  },
  rmsNormGradient: {
    numbers: 2,
    over: 3,
    sizes: rowsOf((size, rows, columns) => ({ inputs: [size, rows, columns, size], outputs: [size, columns] })),
  },
};

/** Which of a kernel's inputs its first output may take the place of. */
export const placeOfInput = (kernel: string): number | undefined => kernels[kernel]!.over;

export const kernelNames = Object.keys(kernels);

/** @param numbers whole, and not negative @returns what is wrong with them, where something is */
export function kernelCallSizes(kernel: string, numbers: CallNumbers): KernelCallSizes | string {
  const known = kernels[kernel]!;
  return numbers.length === known.numbers ? known.sizes(numbers) : `are not ${known.numbers}`;
}
