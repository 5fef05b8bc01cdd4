/** What the windows of a convolution or pooling see along each axis of space. */
import type * as tf from '@tensorflow/tfjs-core';

/** One axis: sizes of input, output and window, and the padding on either side. */
export interface Window {
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  /** As much as the last window needs, whichever way tfjs rounded their number. */
  readonly after: number;
}

/** Along depth, height and width. */
export function poolingWindows(info: tf.backend_util.Conv3DInfo): Window[] {
  const axis = (name: 'Depth' | 'Height' | 'Width', before: number): Window => {
    const [from, to, kernel] = [info[`in${name}`], info[`out${name}`], info[`filter${name}`]];
    const [stride, dilation] = [info[`stride${name}`], info[`dilation${name}`]];
    const reached = (to - 1) * stride + (kernel - 1) * dilation + 1;
    return { from, to, kernel, stride, dilation, before, after: Math.max(0, reached - from - before) };
  };
  const { front, top, left } = info.padInfo;
  return [axis('Depth', front), axis('Height', top), axis('Width', left)];
}

/** 1 / (elements of the input that each window covers), in the order of the output: padding does not count. */
export function coveredShares(windows: readonly Window[]): Float32Array {
  const counts = windows.map(({ from, to, kernel, stride, before }) =>
    Array.from({ length: to }, (_, i) => {
      const start = i * stride - before;
      return Math.min(start + kernel, from) - Math.max(start, 0);
    }),
  );
  const products = counts.reduce((all, along) => all.flatMap((product) => along.map((count) => product * count)), [1]);
  return Float32Array.from(products, (count) => 1 / count);
}
