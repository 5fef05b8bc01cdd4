/** What a lowering is: the ONNX operators for one tfjs kernel. Every lowering also infers its output's shape and type. */
import { UnsupportedModelError } from '../../../errors.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';

/** The named tensor inputs and attributes of one kernel call. */
export interface KernelCall {
  readonly kernel: string;
  /** The input called `name`; throws when the kernel was called without it. */
  input(name: string): StoredValue;
  optional(name: string): StoredValue | undefined;
  list(name: string): StoredValue[];
  /**
   * tfjs types each kernel's attributes apart; the lowering names the type that its kernel has.
   * @param fallback stands for an attribute that is left out: undefined or null
   */
  attribute<T>(name: string, fallback?: T): T;
}

export type Lowering = (graph: GraphBuilder, call: KernelCall) => StoredValue | StoredValue[];
export type Lowerings = Readonly<Record<string, Lowering>>;

/** Of images: [batch, height, width, channels]; of filters: [height, width, channels, outputs]. */
export type Shape4 = [number, number, number, number];

export function unsupported(kernel: string, what: string): never {
  throw new UnsupportedModelError(
    `the compiled engine cannot lower ${kernel} with ${what}`,
    'use --engine tfjs, or change the layer that needs it',
  );
}

export const reshaped = (value: StoredValue, shape: readonly number[]): StoredValue => ({
  storage: value.storage,
  shape,
});

/** Axes as non-negative numbers, ascending. */
export function normalAxes(axes: number | readonly number[] | null | undefined, rank: number): number[] {
  const list = axes == null ? Array.from({ length: rank }, (_, i) => i) : [axes].flat();
  return list.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
}

/** NumPy's broadcast of two shapes. The shapes are known to fit: tfjs checked them. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    return x === 1 ? y : x;
  });
}
