/** Which rank of how many this process is, and how its job is told from others: from its launcher, and from options. */
import { createHash } from 'node:crypto';
import { ConfigError } from '../errors.js';
import { type Found, launchers } from './launchers.js';
import { type Environment, variableOf } from './variables.js';

/** What options say; each overrides what the launcher says. */
export interface LaunchFlags {
  readonly rank?: number;
  readonly size?: number;
  readonly coordinator?: { readonly host: string; readonly port?: number };
  readonly job?: string;
}

export interface Launch extends Found {
  readonly rank: number;
  readonly size: number;
  readonly host: string;
}

/**
 * @param hostname of this machine
 * @throws ConfigError when nothing says which rank this is, or what is said is contradictory
 */
export function findLaunch(env: Environment, flags: LaunchFlags, hostname: string): Launch {
  const found = isComplete(flags) ? options : (firstOf(env) ?? options);
  const { rank = found.rank, size = found.size, coordinator = found.coordinator } = flags;
  if (rank === undefined) throw unknownRank(found);
  if (size === undefined) {
    throw new ConfigError(
      `this is rank ${rank} by ${found.by}, and nothing says of how many`,
      'give --size, the number of ranks',
    );
  }
  if (rank >= size) {
    throw new ConfigError(
      `rank ${rank} of ${size} (${found.by}): ranks count from 0 to size - 1`,
      'correct --rank and --size, or what started this',
    );
  }
  const hosts = found.hosts?.length === size ? found.hosts : undefined;
  const job = flags.job === undefined ? (jobOf(env) ?? found.job) : `job-${flags.job}`;
  return { ...found, rank, size, coordinator, hosts, job, host: found.host ?? hostname };
}

const options: Found = { by: '--rank and --size', endsAsOne: false };

/** Nothing of the environment is needed then, and none of its contradictions counts. */
const isComplete = ({ rank, size }: LaunchFlags): boolean => rank !== undefined && size !== undefined;

const jobOf = (env: Environment): string | undefined => {
  const job = variableOf(env, 'LOCKSTEP_JOB');
  return job && `job-${jobName('LOCKSTEP_JOB=', job)}`;
};

/** @param by where it stands @throws ConfigError when no folder could have that name */
export function jobName(by: string, name: string): string {
  if (/^[\w.-]{1,80}$/.test(name)) return name;
  throw new ConfigError(`${by}${name}: is no name`, 'use up to 80 letters, digits, ".", "_" and "-"');
}

function firstOf(env: Environment): Found | undefined {
  for (const launcher of launchers) {
    const found = launcher(env);
    if (found) return found;
  }
  return undefined;
}

function unknownRank({ by }: Found): ConfigError {
  return new ConfigError(
    by === options.by
      ? 'nothing says which rank this is: no variable of Slurm, Open MPI, PMI, Kubernetes or torchrun is set'
      : `${by} does not say which rank this is`,
    'start it by srun or mpirun, or give --rank, --size and --coordinator; on one machine use lockstep train',
  );
}

/** Name of a rank in reports, as workers may be called. */
export const rankName = (rank: number, host: string): string =>
  `rank${rank}.${host.replaceAll(/[^\w.-]/g, '_')}`.slice(0, 64);

/** For people: `rank 2 (node3)`, or without what is not known. */
export const rankText = (rank: number, host: string | undefined): string =>
  host === undefined ? `rank ${rank}` : `rank ${rank} (${host})`;

/**
 * What the ranks of a job have in common, and those of another have not, also where one job trains several configs.
 * @param command the config, and what is set in it, as all ranks are given them
 */
export function commonName(job: string, command: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(command)).digest('hex').slice(0, 12);
  return `${job.replaceAll(/[^\w.-]/g, '_').slice(0, 80)}-${hash}`;
}

/** A port that all ranks come to, where nothing else says one: above those of services, below those that systems give out. */
export function portFor(name: string): number {
  const [lowest, count] = [10_000, 20_000];
  return lowest + (createHash('sha256').update(name).digest().readUInt32BE() % count);
}
