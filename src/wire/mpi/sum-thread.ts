/** What the thread runs that waits inside of MPI for sums, so that no other has to: whoever waits there heeds nothing else. */
import { parentPort, workerData } from 'node:worker_threads';
import { WireError } from '../../errors.js';
import { loadUpdateKernels } from '../../kernels/load-kernels.js';
import { normBlocks, sumSquares, totalSquares } from '../../reduce/norm.js';
import { mpiLibrary } from './mpi-library.js';
import type { AskedSums, SumAnswer } from './waiting-sum.js';

const { rank, size, memory, asked, what } = workerData as AskedSums;
const library = mpiLibrary();
const { inPlace, float, double, sum, world } = library;
const kernels = loadUpdateKernels(memory);

/** Adds up; then each process takes the squares of a part of the blocks, which is of the same bits everywhere. @returns all squares */
function add([own, total, count, trainable]: Float64Array): number {
  const from = own === total ? inPlace : library.addressIn(memory, own);
  library.call('MPI_Allreduce', from, library.addressIn(memory, total), count, float, sum, world);
  const sums = new Float64Array(normBlocks(trainable));
  const cut = (part: number) => Math.floor((sums.length * part) / size);
  sumSquares(kernels, total, trainable, cut(rank), cut(rank + 1), sums);
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
