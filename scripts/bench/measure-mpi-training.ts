/** One measurement of training by two ranks of `lockstep join` under mpirun, of one thread each; rank 0 coordinates and computes. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { EpochEvent, RunEvent } from '../../src/report/events.js';
import { clusterConfigOf, countedFrom, stepsPerEpoch } from './measure-cluster.js';
import { type Measurement, MeasurementError } from './measurement.js';
import { openMpi, twoProcesses } from './mpi-job.js';
import { type ModelName, workloads } from './workloads.js';

// From dist/scripts/bench/.
const lockstep = resolve(fileURLToPath(new URL('.', import.meta.url)), '../../cli/main.js');
const workers = 2;

/** @param allReduce by which sums are made; the transport is MPI. @throws MeasurementError */
export async function measureMpiTraining(
  model: ModelName,
  allReduce: 'star' | 'mpi',
  seconds: number,
): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
  try {
    const config = clusterConfigOf({ model, algorithm: 'star', workers }, folder);
    writeFileSync(join(folder, 'run.yaml'), stringify({ ...config, cluster: { transport: 'mpi', allReduce } }));
    const epochs = await train(folder, seconds);
    const taken = countedFrom(epochs);
    const { batch } = workloads[model];
    const steps = (epochs.length - 1) * stepsPerEpoch(model);
    const examplesPerSecond = (steps * workers * batch) / taken;
    return {
      ...{ model, workers, batch, examplesPerSecond, peakMegabytes: null, software: 'Lockstep' },
      millisecondsPerStep: (taken / steps) * 1000,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Until the epochs that count have taken so many seconds. */
async function train(folder: string, seconds: number): Promise<EpochEvent[]> {
  const command = ['join', 'run.yaml', '--json', '--threads', '1', '--out', 'runs', '--cache', join(folder, 'cache')];
  const child = spawn(openMpi().mpirun, [...twoProcesses, process.execPath, lockstep, ...command], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const epochs: EpochEvent[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{')) continue;
    const event = JSON.parse(line) as RunEvent;
    if (event.event !== 'epoch') continue;
    epochs.push(event);
    if (countedFrom(epochs) >= seconds) break;
  }
  child.kill('SIGTERM');
  await closed;
  if (countedFrom(epochs) >= seconds) return epochs;
  throw new MeasurementError('training under mpirun ended before its time');
}
