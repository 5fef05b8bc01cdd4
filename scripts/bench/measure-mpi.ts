/**
 * One measurement of sums between two processes of an MPI job, `mpirun -np 2 node measure-mpi.js KIND FILE`: over our line, by
 * `allReduce: mpi`, and by MPI_Allreduce alone, from a program that does nothing else. Rank 0 leaves its address in FILE.
 */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mpiCollective } from '../../src/wire/mpi/mpi-collective.js';
import { mpiWorld } from '../../src/wire/mpi/mpi-world.js';
import { mpi } from '../../src/wire/transports.js';
import { callPeer, listenForPeer, timeAll } from './measure-allreduce.js';
import { measure } from './measurement.js';
import { openMpi, twoProcesses } from './mpi-job.js';
import { repeatsOf, type SumsMeasurement, warmUpsOf } from './sums.js';

export type MpiSums = 'line' | 'library' | 'native';

const program = fileURLToPath(import.meta.url);
/** Seconds that it takes at most, apart from the start. */
const longest = 15;

/** @throws MeasurementError */
export async function measureMpi(kind: MpiSums): Promise<SumsMeasurement> {
  const { mpirun, version } = openMpi();
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
  try {
    const args = [...twoProcesses, process.execPath, program, kind, join(folder, 'url')];
    const sums = await measure<SumsMeasurement>(mpirun, args, longest);
    return kind === 'native' ? { ...sums, software: `Open MPI ${version}` } : sums;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function overLine(rank: number, file: string): Promise<SumsMeasurement> {
  const joined = mpiWorld();
  if (rank === 0) {
    const { listener, url, arrived } = await listenForPeer(mpi);
    writeFileSync(`${file}.partial`, url);
    renameSync(`${file}.partial`, file);
    const line = await arrived;
    await joined;
    const sums = await timeAll(0, { line });
    await listener.close();
    return sums;
  }
  while (!existsSync(file)) await sleep(10);
  const line = await callPeer(mpi, readFileSync(file, 'utf8'));
  await joined;
  const sums = await timeAll(1, { line });
  await line.close();
  return sums;
}

async function byLibrary(rank: number): Promise<SumsMeasurement> {
  await mpiWorld();
  return timeAll(rank, { library: mpiCollective()! });
}

/** MPI_Allreduce in place, which is faster than from one place to another, called by a thread that waits for nothing else. */
async function bare(): Promise<SumsMeasurement> {
  const { library } = await mpiWorld();
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const parameters = ['void *', 'void *', 'int', 'void *', 'void *', 'void *'];
  const allReduce = koffi.load(library.file).func('MPI_Allreduce', 'int', parameters);
  const milliseconds: Record<number, number> = {};
  for (const [bytes, repeats] of Object.entries(repeatsOf)) {
    const sum = new Float32Array(new SharedArrayBuffer(Number(bytes))).fill(1);
    const place = library.address(sum);
    const add = () => allReduce(library.inPlace, place, sum.length, library.float, library.sum, library.world);
    add();
    if (sum.some((value) => value !== 2)) throw new Error('1 + 1 is not 2');
    sum.fill(0);
    for (let i = 1; i < warmUpsOf[Number(bytes)]; i++) add();
    const started = performance.now();
    for (let i = 0; i < repeats; i++) add();
    milliseconds[Number(bytes)] = (performance.now() - started) / repeats;
  }
  return { software: 'Open MPI', milliseconds };
}

async function main(kind: MpiSums, file: string): Promise<void> {
  const rank = Number(process.env.OMPI_COMM_WORLD_RANK);
  const kinds = { line: () => overLine(rank, file), library: () => byLibrary(rank), native: bare };
  const sums = await kinds[kind]();
  if (rank === 0) process.stdout.write(`${JSON.stringify(sums)}\n`);
}

if (process.argv[1] === program) await main(process.argv[2] as MpiSums, process.argv[3]);
