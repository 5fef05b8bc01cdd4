/** What the thread runs that waits inside of MPI for sums, so that no other has to: whoever waits there heeds nothing else. */
import { parentPort, workerData } from 'node:worker_threads';
import { WireError } from '../../errors.js';
import { mpiLibrary } from './mpi-library.js';
import type { AskedSums } from './waiting-sum.js';

const { asked, what } = workerData as AskedSums;
const library = mpiLibrary();
for (let done = 0; ; done++) {
  Atomics.wait(asked, 0, done);
  const [own, total, count] = what;
  try {
    library.call('MPI_Allreduce', own, total, Number(count), library.float, library.sum, library.world);
    parentPort!.postMessage(undefined);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    parentPort!.postMessage(error.problem);
  }
}
