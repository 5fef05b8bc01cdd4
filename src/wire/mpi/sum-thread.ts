/** What the thread runs that waits inside of MPI for sums, so that no other has to: whoever waits there heeds nothing else. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadUpdateKernels } from '../../kernels/load-kernels.js';
import { normBlocks, sumSquares, totalSquares } from '../../reduce/norm.js';
import { cutRange } from '../../reduce/shares.js';
import { mpiLibrary } from './mpi-library.js';
import type { AskedSums } from './waiting-sum.js';

const { rank, size, memory, counts, sum } = workerData as AskedSums;
const library = mpiLibrary();
const kernels = loadUpdateKernels(memory);

/** Adds up; then each process takes the squares of a part of the blocks, which is of the same bits everywhere. @returns all squares */
function add([place, count, trainable]: Float64Array): number {
  const { inPlace, float, double, sum, world } = library;
  library.call('MPI_Allreduce', inPlace, library.addressIn(memory, place), count, float, sum, world);
  const sums = new Float64Array(normBlocks(trainable));
  // The part that this process has added up last, where the sum goes around a ring: it is in its cache still.
  const { from, to } = cutRange({ from: 0, to: sums.length }, 1, (rank + 1) % size, size);
  sumSquares(kernels, place, trainable, from, to, sums);
  library.call('MPI_Allreduce', inPlace, library.address(sums), sums.length, double, sum, world);
  return totalSquares(sums);
}

parentPort!.postMessage('ready');
for (let made = 0; ; made++) {
  // What wakes it may have been meant for a wait that it did without.
  while (Atomics.load(counts, 0) === made) Atomics.wait(counts, 0, made);
  sum[3] = add(sum);
  Atomics.store(counts, 1, made + 1);
  Atomics.notify(counts, 1);
}
