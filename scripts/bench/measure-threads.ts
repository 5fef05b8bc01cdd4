/**
 * One measurement of adding up between threads, `node measure-threads.js`: two threads of one process, each with its slice
 * of the gradients in their shared memory, as those of a pool reduce what they have computed.
 */
import { fileURLToPath } from 'node:url';
import { Worker, workerData } from 'node:worker_threads';
import { loadUpdateKernels } from '../../src/kernels/load-kernels.js';
import { Control } from '../../src/pool/control.js';
import { Slice } from '../../src/pool/slice.js';
import { normBlocks } from '../../src/reduce/norm.js';
import { reductionPlan } from '../../src/reduce/tree.js';
import { measure } from './measurement.js';
import { allocateRegions, floatsOf, repeatsOf, type SumsMeasurement, warmUpsOf } from './sums.js';

const program = fileURLToPath(import.meta.url);
const threads = 2;
/** Seconds that it takes at most, apart from the start. */
const longest = 30;

/** Measures in a process of its own. */
export const measureThreads = (): Promise<SumsMeasurement> => measure(process.execPath, [program, 'main'], longest);

interface Shared {
  readonly memory: WebAssembly.Memory;
  readonly gradients: readonly number[];
  readonly normSums: Float64Array;
  readonly control: SharedArrayBuffer;
  readonly bytes: number;
}

/** One thread's part. @returns milliseconds of one reduction */
function reduce(rank: number, { memory, gradients, normSums, control, bytes }: Shared): number {
  const floats = floatsOf(bytes);
  const workspaces = { start: 0, floats: 0 };
  const offsets = { parameters: 0, evaluated: 0, optimizer: [], workspaces, total: 0, scratch: 0, gradients };
  const spec = { layout: { trainable: floats, state: floats }, threads, shared: { memory, offsets, normSums } };
  const slice = new Slice(spec, rank, loadUpdateKernels(memory));
  const { final, total } = reductionPlan(threads, threads);
  const barrier = new Control(control);
  const once = () => {
    slice.reduce(final, gradients, total);
    barrier.barrier(threads);
  };
  barrier.barrier(threads);
  for (let i = 0; i < warmUpsOf[bytes]; i++) once();
  const started = performance.now();
  for (let i = 0; i < repeatsOf[bytes]; i++) once();
  return (performance.now() - started) / repeatsOf[bytes];
}

async function time(bytes: number): Promise<number> {
  const floats = floatsOf(bytes);
  const { memory, offsets: gradients } = allocateRegions([floats, floats]);
  const normSums = new Float64Array(new SharedArrayBuffer(8 * normBlocks(floats)));
  const shared: Shared = { memory, gradients, normSums, control: Control.allocate(), bytes };
  for (const offset of gradients) new Float32Array(memory.buffer, offset, floats).fill(1);
  const other = new Worker(program, { workerData: shared });
  const ended = new Promise<void>((resolve, reject) => other.once('error', reject).once('exit', () => resolve()));
  await new Promise((resolve) => other.once('online', resolve));
  const milliseconds = reduce(0, shared);
  await ended;
  const expected = 1 + warmUpsOf[bytes] + repeatsOf[bytes];
  const sums = new Float32Array(memory.buffer, gradients[reductionPlan(threads, threads).total], floats);
  if (sums.some((sum) => sum !== expected)) throw new Error('the threads have not added up everything');
  return milliseconds;
}

if (workerData !== null) reduce(1, workerData as Shared);
else if (process.argv[1] === program) {
  const milliseconds: Record<number, number> = {};
  for (const bytes of Object.keys(repeatsOf).map(Number)) milliseconds[bytes] = await time(bytes);
  process.stdout.write(`${JSON.stringify({ software: 'Lockstep', milliseconds })}\n`);
}
