/** Jobs of two processes under Open MPI's mpirun, as benchmarks start them. */
import { spawnSync } from 'node:child_process';
import { MeasurementError } from './measurement.js';

/** Debian has the first name beside the mpirun of another MPI. */
const names = ['mpirun.openmpi', 'mpirun'];

const versionOf = (name: string): string =>
  /\(Open MPI\) ([\d.]+)/.exec(spawnSync(name, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? '';

/** @throws MeasurementError where there is none */
export function openMpi(): { readonly mpirun: string; readonly version: string } {
  const mpirun = names.find((name) => versionOf(name) !== '');
  if (mpirun !== undefined) return { mpirun, version: versionOf(mpirun) };
  throw new MeasurementError(
    'there is no mpirun of Open MPI here. On Debian: apt-get install --no-install-recommends openmpi-bin',
  );
}

/** Words before the program that is to be two processes, a core each. */
export const twoProcesses = ['--allow-run-as-root', '-np', '2'] as const;
