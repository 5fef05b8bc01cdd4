/** MPI where tests run: whether there is one, what it is told, and jobs of several processes. */
import { type ChildProcess, execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { startedBy } from '../../scripts/programs/started-by.js';
import { mpiLibrary } from '../../src/wire/mpi/mpi-library.js';
import { cliFile } from './package.js';
import { patience } from './patience.js';
import { besidePython } from './python.js';

/** Why no library of MPI can be used here; undefined where one can. */
export const withoutMpi = ((): string | undefined => {
  try {
    mpiLibrary();
    return undefined;
  } catch (error) {
    return `needs MPI (Debian: apt-get install libopenmpi3): ${(error as Error).message}`;
  }
})();

/** Why no job of Open MPI can be started here; undefined where one can. The program has this name in other implementations too. */
export const withoutMpirun = /Open MPI/.test(spawnSync('mpirun', ['--version'], { encoding: 'utf8' }).stdout ?? '')
  ? undefined
  : 'needs mpirun of Open MPI (Debian: apt-get install --no-install-recommends openmpi-bin)';

/** Why no job of MPICH can be started here; undefined where one can. Debian keeps its mpirun under this name beside another. */
export const withoutMpich =
  spawnSync('mpirun.mpich', ['--version']).status === 0
    ? undefined
    : 'needs MPICH (Debian: apt-get install --no-install-recommends mpich)';

/** mpirun of Open MPI 5, as PyPI has it, which can go on without a rank that has died; undefined where there is none. */
export const mpirun5 = besidePython('mpirun', /\(Open MPI\) 5\./);

/**
 * Variables for a job of its own: a process of tests that has been part of a job, or of Slurm's, has those of that one, and mpirun would
 * take itself for a part of it.
 */
export const jobless = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:OMPI|OPAL|ORTE|PMIX?|PRTE|SLURM)_/.test(name)),
  );

/** What Open MPI is told: a process that nobody launched is a job of its own; anybody may launch; cores are few. */
const settings = {
  OMPI_MCA_ess_singleton_isolated: '1',
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  OMPI_MCA_rmaps_base_oversubscribe: '1',
  OMPI_MCA_orte_tmpdir_base: process.env.LOCKSTEP_SCRATCH ?? tmpdir(),
} as const;

/** Variables for a job that a test starts. */
export const mpiJobEnv = (): NodeJS.ProcessEnv => ({ ...jobless(), ...settings });

/** Ends a rank as a crash does, or has it hang. @param mpirun that has started it, by itself or by a program of its own */
export function killRank(mpirun: ChildProcess, rank: number, signal: 'SIGKILL' | 'SIGSTOP' = 'SIGKILL'): void {
  const isIt = (pid: number) => readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`OMPI_COMM_WORLD_RANK=${rank}\0`);
  process.kill(startedBy(mpirun.pid!).find(isIt)!, signal);
}

/** Makes this process a job by itself, once a line over MPI is opened. */
export const beMpiJob = (): void => void Object.assign(process.env, settings);

export interface MpiJob {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a command of lockstep as so many processes of one MPI job, to its end. @param mpirun that starts it */
export function runMpiJob(
  size: number,
  command: readonly string[],
  folder: string,
  mpirun = 'mpirun',
): Promise<MpiJob> {
  const args = ['-np', String(size), process.execPath, cliFile, ...command];
  return new Promise((resolve) => {
    const options = { cwd: folder, env: mpiJobEnv(), timeout: patience };
    execFile(mpirun, args, options, (error, output, errors) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, output, errors });
    });
  });
}
