/** Who may have started a rank of a job, and what the environment says of it: one function a launcher. */
import { ConfigError } from '../errors.js';
import { expandNodeList, expandTaskCounts } from './node-list.js';
import {
  agreed,
  countVariable,
  type Environment,
  hostVariable,
  portVariable,
  rankVariable,
  sizeVariable,
  variableOf,
} from './variables.js';

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
 * Those who start ranks inside of what others have allocated come first, and their variables alone are compared: `mpirun` in a job of Slurm,
 * and torchrun in a pod, leave the variables of the outer one as they were for the program that started the ranks of its node.
 */
export const launchers: readonly ((env: Environment) => Found | undefined)[] = [
  torchrun,
  openMpi,
  pmi,
  slurm,
  kubernetes,
  torch,
];

/** Starts the ranks of a node, of which it is often the one process that another launcher has started. */
function torchrun(env: Environment): Found | undefined {
  const run = variableOf(env, 'TORCHELASTIC_RUN_ID');
  if (run === undefined || variableOf(env, 'RANK') === undefined) return undefined;
  const [host, port] = [hostVariable(env, 'MASTER_ADDR'), portVariable(env, 'MASTER_PORT')];
  // Its agent listens on the port that it names (torch.distributed.elastic, TORCHELASTIC_USE_AGENT_STORE).
  const isTaken = variableOf(env, 'TORCHELASTIC_USE_AGENT_STORE') === 'True';
  return {
    by: 'torchrun',
    ...ranksOfTorch(env),
    coordinator: host === undefined ? undefined : { host, port: isTaken ? undefined : port },
    job: jobOfPod(env, rankVariable(env, 'JOB_COMPLETION_INDEX')),
    ...allocation(env),
    session: `torch-${run}-${host}-${port}`,
    endsAsOne: false,
  };
}

function openMpi(env: Environment): Found | undefined {
  const rank = rankVariable(env, 'OMPI_COMM_WORLD_RANK');
  if (rank === undefined) return undefined;
  const size = sizeVariable(env, 'OMPI_COMM_WORLD_SIZE');
  const session = variableOf(env, 'PMIX_NAMESPACE') ?? variableOf(env, 'OMPI_MCA_ess_base_jobid');
  return {
    by: 'Open MPI',
    rank: agreed({ OMPI_COMM_WORLD_RANK: rank, PMIX_RANK: rankVariable(env, 'PMIX_RANK') }),
    size,
    host: variableOf(env, 'PMIX_HOSTNAME'),
    session: session && `mpi-${session}`,
    neighbours: countVariable(env, 'OMPI_COMM_WORLD_LOCAL_SIZE'),
    ...allocation(env),
    endsAsOne: true,
  };
}

/** MPICH, Intel MPI and others of its kin, and `srun --mpi=pmi2`. */
function pmi(env: Environment): Found | undefined {
  const rank = rankVariable(env, 'PMI_RANK');
  if (rank === undefined) return undefined;
  const session = variableOf(env, 'PMI_JOBID');
  return {
    by: 'PMI',
    rank,
    size: sizeVariable(env, 'PMI_SIZE'),
    session: session && `pmi-${session}`,
    neighbours: countVariable(env, 'MPI_LOCALNRANKS'),
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
    restarts: countVariable(env, 'SLURM_RESTART_COUNT', 0) ?? 0,
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
  const rank = agreed({ SLURM_PROCID: rankVariable(env, 'SLURM_PROCID'), PMIX_RANK: rankVariable(env, 'PMIX_RANK') })!;
  const size = sizeVariable(env, 'SLURM_STEP_NUM_TASKS') ?? sizeVariable(env, 'SLURM_NTASKS');
  const host = variableOf(env, 'SLURMD_NODENAME');
  const hosts = hostsOfRanks(env, rank, host);
  const neighbours = hosts?.filter((other) => other === host).length;
  const allocated = countVariable(env, 'SLURM_CPUS_ON_NODE');
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
      countVariable(env, 'SLURM_CPUS_PER_TASK') ??
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

/** Indexed Jobs, JobSets of one such job, and Kubeflow's TrainJobs, which set PET_* besides. RANK is what a manifest sets, if anybody. */
function kubernetes(env: Environment): Found | undefined {
  const index = rankVariable(env, 'JOB_COMPLETION_INDEX');
  const node = rankVariable(env, 'PET_NODE_RANK');
  if (index === undefined && node === undefined) return undefined;
  const rank = agreed({ JOB_COMPLETION_INDEX: index, PET_NODE_RANK: node, RANK: rankVariable(env, 'RANK') });
  return {
    by: node === undefined ? 'Kubernetes' : 'Kubeflow',
    rank,
    size: agreed({ PET_NNODES: sizeVariable(env, 'PET_NNODES'), WORLD_SIZE: sizeVariable(env, 'WORLD_SIZE') }),
    host: variableOf(env, 'HOSTNAME'),
    coordinator: masterOf(env),
    job: jobOfPod(env, rank),
    endsAsOne: false,
  };
}

/** The controller names a pod's host after its job and its number. */
function jobOfPod(env: Environment, index: number | undefined): string | undefined {
  const pod = variableOf(env, 'HOSTNAME');
  return pod?.endsWith(`-${index}`) ? `kubernetes-${pod.slice(0, -`-${index}`.length)}` : undefined;
}

/** What torchrun sets, and others who follow it. */
function torch(env: Environment): Found | undefined {
  if (variableOf(env, 'RANK') === undefined) return undefined;
  return { by: 'RANK and WORLD_SIZE', ...ranksOfTorch(env), coordinator: masterOf(env), endsAsOne: false };
}

const ranksOfTorch = (env: Environment) => ({
  rank: rankVariable(env, 'RANK'),
  size: sizeVariable(env, 'WORLD_SIZE'),
  neighbours: countVariable(env, 'LOCAL_WORLD_SIZE'),
});

function masterOf(env: Environment): Found['coordinator'] {
  const host = agreed({
    PET_MASTER_ADDR: hostVariable(env, 'PET_MASTER_ADDR'),
    MASTER_ADDR: hostVariable(env, 'MASTER_ADDR'),
  });
  const port = agreed({
    PET_MASTER_PORT: portVariable(env, 'PET_MASTER_PORT'),
    MASTER_PORT: portVariable(env, 'MASTER_PORT'),
  });
  return host === undefined ? undefined : { host, port };
}
