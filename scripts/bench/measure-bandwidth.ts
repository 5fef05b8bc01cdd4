/**
 * One measurement of memory bandwidth, `node measure-bandwidth.js THREADS`, after STREAM (J. D. McCalpin, "Memory Bandwidth
 * and Machine Balance in Current High Performance Computers", IEEE TCCA Newsletter, December 1995): Scale, b = c a, and an
 * Add in place, b = b + a, by our SIMD kernels over arrays that no cache holds; the best of ten times, counting the bytes
 * that a program reads and writes. Each thread has a slice of the arrays, in memory of its own.
 */
import { fileURLToPath } from 'node:url';
import { Worker, workerData } from 'node:worker_threads';
import { loadUpdateKernels, type UpdateKernels } from '../../src/kernels/load-kernels.js';
import { Control } from '../../src/pool/control.js';
import { measure } from './measurement.js';
import { allocateRegions } from './sums.js';

export interface BandwidthMeasurement {
  /** GB/s. */
  readonly scale: number;
  readonly add: number;
}

const program = fileURLToPath(import.meta.url);
/** Floats of an array over all threads: 128 MiB, four times a last-level cache of 32 MiB, as STREAM asks. */
const floats = 32 * 2 ** 20;
const repeats = 10;
/** Seconds that it takes at most, apart from the start. */
const longest = 30;

type Kernel = keyof BandwidthMeasurement;
type Move = (kernels: UpdateKernels, b: number, a: number, count: number) => void;
/** And bytes that move for each float. */
const moves: Readonly<Record<Kernel, { readonly bytes: number; readonly run: Move }>> = {
  scale: { bytes: 8, run: (kernels, b, a, count) => kernels.scaledCopy(b, a, count, 0.5) },
  add: { bytes: 12, run: (kernels, b, a, count) => kernels.add(b, a, count) },
};

/** Measures in a process of its own. */
export const measureBandwidth = (threads: number): Promise<BandwidthMeasurement> =>
  measure(process.execPath, [program, String(threads)], longest);

interface Shared {
  readonly threads: number;
  readonly control: SharedArrayBuffer;
}

/** One thread's part. @returns GB/s of all threads together */
function run({ threads, control }: Shared): BandwidthMeasurement {
  const count = Math.ceil(floats / threads / 16) * 16;
  const { memory, offsets } = allocateRegions([count, count]);
  const [a, b] = offsets;
  // Pages are there once they have been written to, by the thread that uses them.
  new Float32Array(memory.buffer).fill(1);
  const kernels = loadUpdateKernels(memory);
  const barrier = new Control(control);
  const best = (kernel: Kernel) => {
    let fastest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < repeats; i++) {
      barrier.barrier(threads);
      const started = performance.now();
      moves[kernel].run(kernels, b, a, count);
      barrier.barrier(threads);
      // As in STREAM, the first time does not count.
      if (i > 0) fastest = Math.min(fastest, performance.now() - started);
    }
    return (moves[kernel].bytes * count * threads) / fastest / 1e6;
  };
  return { scale: best('scale'), add: best('add') };
}

async function main(threads: number): Promise<void> {
  const shared: Shared = { threads, control: Control.allocate() };
  const others = Array.from({ length: threads - 1 }, () => new Worker(program, { workerData: shared }));
  const online = others.map((other) => new Promise<void>((resolve) => other.once('online', resolve)));
  await Promise.all(online);
  const measurement = run(shared);
  process.stdout.write(`${JSON.stringify(measurement)}\n`);
}

if (workerData !== null) run(workerData as Shared);
else if (process.argv[1] === program) await main(Number(process.argv[2]));
