/** What the all-reduce benchmarks add up: the same sizes and repeats as scripts/peers/gloo_allreduce.py. */

/** Milliseconds of one all-reduce, by its bytes. */
export interface SumsMeasurement {
  readonly software: string;
  readonly milliseconds: Readonly<Record<number, number>>;
}

/** Until code that is compiled while it runs is: the first sums take several times as long. */
export const warmUpsOf: Readonly<Record<number, number>> = { 4000: 1000, 4000000: 100, 32000000: 20 };
export const repeatsOf: Readonly<Record<number, number>> = { 4000: 200, 4000000: 30, 32000000: 30 };

/** Floats of a slab: kernels want multiples of 16. */
export const floatsOf = (bytes: number): number => Math.ceil(bytes / 64) * 16;

/** Shared memory for regions of so many floats, and their byte offsets. */
export function allocateRegions(floats: readonly number[]): { memory: WebAssembly.Memory; offsets: number[] } {
  let end = 0;
  const offsets = floats.map((count) => {
    const start = end;
    end += Math.ceil(count / 16) * 64;
    return start;
  });
  const memory = new WebAssembly.Memory({ initial: Math.ceil(end / 65536), maximum: 65536, shared: true });
  return { memory, offsets };
}

export const sizeName = (bytes: number): string => (bytes < 1e6 ? `${bytes / 1e3} kB` : `${bytes / 1e6} MB`);
