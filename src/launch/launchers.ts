/** Who may have started a rank of a job, and what the environment says of it: one function a launcher. */
import { ConfigError } from '../errors.js';
import { expandNodeList, expandTaskCounts } from './node-list.js';
import { agreed, type Environment, variableOf, wholeOf } from './variables.js';

/** What a launcher says; what it does not say is undefined. */
export interface Found {
  readonly by: string;
  readonly rank?: number;
  readonly size?: number;
  /** Node of each rank. */
  readonly hosts?: readonly string[];
  /** Name of this node. */
  readonly host?: string;
  /** Where rank 0 is reached: a host, and the port that is meant for this. */
  readonly coordinator?: { readonly host: string; readonly port?: number };
  /** The same whenever the scheduler starts the job anew, and another for every other job. */
  readonly job?: string;
  /** The same in all ranks of one start, and another in the next. */
  readonly session?: string;
  /** How often the scheduler has started this job before. */
  readonly restarts?: number;
  /** Cores that are meant for each rank. */
  readonly cores?: number;
  /** Ranks on this machine. */
  readonly neighbours?: number;
  /** Whether the job ends as one: a rank that leaves because it is told to is then no failure. */
  readonly endsAsOne: boolean;
}

/**
 * Those who start ranks inside of what others have allocated come first: `mpirun` in a job of Slurm leaves Slurm's own variables as they
 * were for the program that it used to get to the node.
 */
export const launchers: readonly ((env: Environment) => Found | undefined)[] = [openMpi, pmi, slurm, kubernetes, torch];

function openMpi(env: Environment): Found | undefined {
  const rank = wholeOf(env, 'OMPI_COMM_WORLD_RANK');
  if (rank === undefined) return undefined;
  const size = wholeOf(env, 'OMPI_COMM_WORLD_SIZE');
  const session = variableOf(env, 'PMIX_NAMESPACE') ?? variableOf(env, 'OMPI_MCA_ess_base_jobid');
  return {
    by: 'Open MPI',
    rank: agreed({ OMPI_COMM_WORLD_RANK: rank, PMIX_RANK: wholeOf(env, 'PMIX_RANK') }),
    size,
    host: variableOf(env, 'PMIX_HOSTNAME'),
    session: session && `mpi-${session}`,
    neighbours: wholeOf(env, 'OMPI_COMM_WORLD_LOCAL_SIZE'),
    ...allocation(env),
    endsAsOne: true,
  };
}

/** MPICH, Intel MPI and others of its kin, and `srun --mpi=pmi2`. */
function pmi(env: Environment): Found | undefined {
  const rank = wholeOf(env, 'PMI_RANK');
  if (rank === undefined) return undefined;
  const session = variableOf(env, 'PMI_JOBID');
  return {
    by: 'PMI',
    rank,
    size: wholeOf(env, 'PMI_SIZE'),
    session: session && `pmi-${session}`,
    neighbours: wholeOf(env, 'MPI_LOCALNRANKS'),
    ...allocation(env),
    endsAsOne: true,
  };
}

/** What Slurm says of the whole job, whoever starts its ranks. */
function allocation(env: Environment): Pick<Found, 'job' | 'restarts'> {
  const job = variableOf(env, 'SLURM_JOB_ID');
  if (job === undefined) return {};
  const cluster = variableOf(env, 'SLURM_CLUSTER_NAME');
  return {
    job: `slurm-${cluster === undefined ? '' : `${cluster}-`}${job}`,
    restarts: wholeOf(env, 'SLURM_RESTART_COUNT') ?? 0,
  };
}

function slurm(env: Environment): Found | undefined {
  if (variableOf(env, 'SLURM_JOB_ID') === undefined) return undefined;
  const step = variableOf(env, 'SLURM_STEP_ID');
  if (step === undefined || variableOf(env, 'SLURM_PROCID') === undefined) {
    throw new ConfigError(
      `job ${variableOf(env, 'SLURM_JOB_ID')} of Slurm: this is its script, and no task of it`,
      'write srun in front of the command, or to train in this one process use lockstep train',
    );
  }
  const rank = agreed({ SLURM_PROCID: wholeOf(env, 'SLURM_PROCID'), PMIX_RANK: wholeOf(env, 'PMIX_RANK') })!;
  const size = wholeOf(env, 'SLURM_STEP_NUM_TASKS') ?? wholeOf(env, 'SLURM_NTASKS');
  const host = variableOf(env, 'SLURMD_NODENAME');
  const hosts = hostsOfRanks(env, rank, host);
  const neighbours = hosts?.filter((other) => other === host).length;
  const allocated = wholeOf(env, 'SLURM_CPUS_ON_NODE');
  return {
    by: 'Slurm',
    rank,
    size,
    hosts,
    host,
    coordinator: hosts && { host: hosts[0] },
    ...allocation(env),
    session: `step-${step}`,
    cores:
      wholeOf(env, 'SLURM_CPUS_PER_TASK') ??
      (allocated && neighbours ? Math.max(1, Math.floor(allocated / neighbours)) : undefined),
    neighbours,
    endsAsOne: true,
  };
}

/** Undefined where tasks are not dealt out node by node. */
function hostsOfRanks(env: Environment, rank: number, host: string | undefined): string[] | undefined {
  const nodes = variableOf(env, 'SLURM_STEP_NODELIST');
  const tasks = variableOf(env, 'SLURM_STEP_TASKS_PER_NODE');
  if (nodes === undefined || tasks === undefined) return undefined;
  const names = expandNodeList(nodes);
  const counts = expandTaskCounts(tasks);
  const isDealt = /^block\b/.test(variableOf(env, 'SLURM_DISTRIBUTION') ?? 'block');
  if (!isDealt || counts?.length !== names.length) return undefined;
  const hosts = names.flatMap((name, i) => Array.from({ length: counts[i] }, () => name));
  return host === undefined || hosts[rank] === host ? hosts : undefined;
}

/** Indexed Jobs, JobSets of one such job, and Kubeflow's TrainJobs, which set PET_* besides. */
function kubernetes(env: Environment): Found | undefined {
  const index = wholeOf(env, 'JOB_COMPLETION_INDEX');
  const node = wholeOf(env, 'PET_NODE_RANK');
  const rank = agreed({ JOB_COMPLETION_INDEX: index, PET_NODE_RANK: node });
  if (rank === undefined) return undefined;
  const pod = variableOf(env, 'HOSTNAME');
  // The controller names a pod's host after its job and its number.
  const name = pod?.endsWith(`-${rank}`) ? pod.slice(0, -`-${rank}`.length) : undefined;
  return {
    by: node === undefined ? 'Kubernetes' : 'Kubeflow',
    rank,
    size: agreed({ PET_NNODES: wholeOf(env, 'PET_NNODES'), WORLD_SIZE: wholeOf(env, 'WORLD_SIZE') }),
    host: pod,
    coordinator: masterOf(env),
    job: name && `kubernetes-${name}`,
    endsAsOne: false,
  };
}

/** What torchrun and those who follow it set. */
function torch(env: Environment): Found | undefined {
  const rank = wholeOf(env, 'RANK');
  if (rank === undefined) return undefined;
  return {
    by: 'RANK and WORLD_SIZE',
    rank,
    size: wholeOf(env, 'WORLD_SIZE'),
    coordinator: masterOf(env),
    neighbours: wholeOf(env, 'LOCAL_WORLD_SIZE'),
    endsAsOne: false,
  };
}

function masterOf(env: Environment): Found['coordinator'] {
  const host = agreed({
    PET_MASTER_ADDR: variableOf(env, 'PET_MASTER_ADDR'),
    MASTER_ADDR: variableOf(env, 'MASTER_ADDR'),
  });
  const port = agreed({ PET_MASTER_PORT: wholeOf(env, 'PET_MASTER_PORT'), MASTER_PORT: wholeOf(env, 'MASTER_PORT') });
  return host === undefined ? undefined : { host, port };
}
