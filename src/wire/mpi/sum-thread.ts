/** What the thread runs that waits inside of MPI for sums, so that no other has to: whoever waits there heeds nothing else. */
import { parentPort, workerData } from 'node:worker_threads';
import { WireError } from '../../errors.js';
import { loadUpdateKernels } from '../../kernels/load-kernels.js';
import { normBlocks, sumSquares, totalSquares } from '../../reduce/norm.js';
import { cutRange } from '../../reduce/shares.js';
import { mpiLibrary } from './mpi-library.js';
import type { AskedSums, SumAnswer } from './waiting-sum.js';

const { rank, size, memory, asked, what } = workerData as AskedSums;
const library = mpiLibrary();
const { inPlace, float, double, sum, world } = library;
const kernels = loadUpdateKernels(memory);

/** Adds up; then each process takes the squares of a part of the blocks, which is of the same bits everywhere. @returns all squares */
function add([place, count, trainable]: Float64Array): number {
  library.call('MPI_Allreduce', inPlace, library.addressIn(memory, place), count, float, sum, world);
  const sums = new Float64Array(normBlocks(trainable));
  const { from, to } = cutRange({ from: 0, to: sums.length }, 1, rank, size);
  sumSquares(kernels, place, trainable, from, to, sums);
  library.call('MPI_Allreduce', inPlace, library.address(sums), sums.length, double, sum, world);
  return totalSquares(sums);
}

for (let done = 0; ; done++) {
  Atomics.wait(asked, 0, done);
  let answer: SumAnswer;
  try {
    answer = add(what);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    answer = error.problem;
  }
  parentPort!.postMessage(answer);
}
