/** Which rank of how many a process is: the variables of each launcher, as it sets them, and options. */
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { commonName, findLaunch, type LaunchFlags, portFor, rankName } from '../../src/launch/launch.js';
import { meetingOf } from '../../src/launch/meeting.js';

const find = (env: Record<string, string>, flags: LaunchFlags = {}) => findLaunch(env, flags, 'here');

/** As Slurm 22.05 sets them in a task of `srun -N 3 -n 5`. */
const slurm = {
  SLURM_JOB_ID: '17',
  SLURM_CLUSTER_NAME: 'test',
  SLURM_STEP_ID: '0',
  SLURM_PROCID: '3',
  SLURM_NTASKS: '5',
  SLURM_STEP_NUM_TASKS: '5',
  SLURM_STEP_NODELIST: 'n[1-3]',
  SLURM_STEP_TASKS_PER_NODE: '2(x2),1',
  SLURM_CPUS_ON_NODE: '8',
  SLURMD_NODENAME: 'n2',
};
/** As Open MPI 4.1 sets them. */
const openMpi = {
  OMPI_COMM_WORLD_RANK: '1',
  OMPI_COMM_WORLD_SIZE: '2',
  OMPI_COMM_WORLD_LOCAL_SIZE: '2',
  PMIX_RANK: '1',
  PMIX_NAMESPACE: '1143930881',
  PMIX_HOSTNAME: 'vm',
};
/** As the controllers of Indexed Jobs and of Kubeflow's TrainJobs set them. */
const indexed = { JOB_COMPLETION_INDEX: '2', HOSTNAME: 'train-2' };
const kubeflow = {
  ...{ JOB_COMPLETION_INDEX: '1', HOSTNAME: 'mnist-node-0-1', PET_NODE_RANK: '1', PET_NNODES: '3' },
  ...{ PET_NPROC_PER_NODE: '1', PET_MASTER_ADDR: 'mnist-node-0-0.mnist', PET_MASTER_PORT: '29400' },
};
/** As torchrun of PyTorch 2.15 sets them, on the second of two pods with two ranks each. */
const torchrun = {
  ...{ RANK: '3', WORLD_SIZE: '4', LOCAL_RANK: '1', LOCAL_WORLD_SIZE: '2', GROUP_RANK: '1' },
  ...{ MASTER_ADDR: 'mnist-0', MASTER_PORT: '29400', TORCHELASTIC_RUN_ID: 'none' },
  TORCHELASTIC_USE_AGENT_STORE: 'True',
};

describe('a rank', () => {
  it.each([
    [
      'Slurm',
      slurm,
      {},
      { rank: 3, size: 5, host: 'n2', hosts: ['n1', 'n1', 'n2', 'n2', 'n3'], restarts: 0, cores: 4 },
    ],
    ['Slurm after a requeue', { ...slurm, SLURM_RESTART_COUNT: '2' }, {}, { job: 'slurm-test-17', restarts: 2 }],
    ['Slurm, cores by task', { ...slurm, SLURM_CPUS_PER_TASK: '3' }, {}, { cores: 3 }],
    [
      'Slurm, dealt in turn',
      { ...slurm, SLURM_DISTRIBUTION: 'cyclic' },
      {},
      { hosts: undefined, coordinator: undefined },
    ],
    [
      'Open MPI',
      openMpi,
      {},
      { rank: 1, size: 2, host: 'vm', session: 'mpi-1143930881', job: undefined, neighbours: 2 },
    ],
    [
      'Open MPI in a job of Slurm',
      { ...slurm, ...openMpi },
      {},
      { rank: 1, size: 2, job: 'slurm-test-17', restarts: 0 },
    ],
    ['MPICH', { PMI_RANK: '2', PMI_SIZE: '4', MPI_LOCALNRANKS: '4' }, {}, { rank: 2, size: 4, neighbours: 4 }],
    ['an Indexed Job', indexed, { size: 4 }, { rank: 2, size: 4, job: 'kubernetes-train', host: 'train-2' }],
    ['Kubeflow', kubeflow, {}, { rank: 1, size: 3, coordinator: { host: 'mnist-node-0-0.mnist', port: 29400 } }],
    [
      'torchrun',
      { RANK: '0', WORLD_SIZE: '2', MASTER_ADDR: 'a' },
      {},
      { rank: 0, size: 2, coordinator: { host: 'a' } },
    ],
    [
      'torchrun in a TrainJob, whose agent listens on the port',
      { ...kubeflow, ...torchrun },
      {},
      {
        rank: 3,
        size: 4,
        neighbours: 2,
        job: 'kubernetes-mnist-node-0',
        coordinator: { host: 'mnist-0', port: undefined },
      },
    ],
    ['torchrun in a job of Slurm', { ...slurm, ...torchrun }, {}, { by: 'torchrun', rank: 3, job: 'slurm-test-17' }],
    ['options', {}, { rank: 1, size: 2, job: 'x' }, { rank: 1, size: 2, host: 'here', job: 'job-x' }],
    ['options over others', slurm, { rank: 0, size: 2 }, { rank: 0, size: 2, hosts: undefined, job: undefined }],
    ['a name of its own', { ...slurm, LOCKSTEP_JOB: 'y' }, {}, { rank: 3, job: 'job-y' }],
  ])('is known from %s', (_, env, flags, expected) => {
    expect(find(env as Record<string, string>, flags)).toMatchObject(expected);
  });

  it.each([
    ['nothing', {}, {}, 'nothing says which rank this is'],
    ['a size that is missing', indexed, {}, 'nothing says of how many'],
    ['a rank beyond the size', { ...openMpi, OMPI_COMM_WORLD_SIZE: '1' }, {}, 'rank 1 of 1'],
    ['two ranks at once', { ...openMpi, PMIX_RANK: '0' }, {}, 'OMPI_COMM_WORLD_RANK=1 and PMIX_RANK=0 contradict'],
    ['two numbers of a pod', { ...kubeflow, PET_NODE_RANK: '2' }, {}, 'JOB_COMPLETION_INDEX=1 and PET_NODE_RANK=2'],
    ['a pod that RANK calls otherwise', { ...indexed, RANK: '0' }, { size: 4 }, 'JOB_COMPLETION_INDEX=2 and RANK=0'],
    ['what is no number', { ...slurm, SLURM_PROCID: 'x' }, {}, 'SLURM_PROCID=x is not a whole number'],
    ['an elastic number of nodes', { ...kubeflow, PET_NNODES: '1:3' }, {}, 'PET_NNODES=1:3 is not a whole number'],
    ['the script of a job', { SLURM_JOB_ID: '17', SLURM_PROCID: '0', SLURM_NTASKS: '3' }, {}, 'is its script'],
    ['a list of nodes that is none', { ...slurm, SLURM_STEP_NODELIST: 'n[1-' }, {}, '"n[1-" is no list'],
  ])('is refused for %s', (_, env, flags, problem) => {
    expect(() => find(env as Record<string, string>, flags)).toThrow(ConfigError);
    expect(() => find(env as Record<string, string>, flags)).toThrow(problem);
  });

  const one = (name: string, value: string, range: string) => [name, value, range] as const;
  it.each([
    ...['OMPI_COMM_WORLD_RANK', 'PMIX_RANK', 'PMI_RANK', 'SLURM_PROCID'].map((name) => one(name, '-1', '0 to 4095')),
    ...['JOB_COMPLETION_INDEX', 'PET_NODE_RANK', 'RANK'].map((name) => one(name, '4096', '0 to 4095')),
    ...['OMPI_COMM_WORLD_SIZE', 'PMI_SIZE', 'SLURM_STEP_NUM_TASKS'].map((name) => one(name, '0', '1 to 4096')),
    ...['SLURM_NTASKS', 'PET_NNODES', 'WORLD_SIZE'].map((name) => one(name, '4097', '1 to 4096')),
    ...['OMPI_COMM_WORLD_LOCAL_SIZE', 'MPI_LOCALNRANKS', 'LOCAL_WORLD_SIZE'].map((name) => one(name, '0', '1 to')),
    ...['SLURM_CPUS_PER_TASK', 'SLURM_CPUS_ON_NODE'].map((name) => one(name, '0', '1 to')),
    one('SLURM_RESTART_COUNT', '-1', '0 to'),
    ...['MASTER_PORT', 'PET_MASTER_PORT'].map((name) => one(name, '99999', '1 to 65535')),
    ...['MASTER_PORT', 'PET_MASTER_PORT'].map((name) => one(name, '0', '1 to 65535')),
  ])('is refused for %s=%s, which is not from %s', (name, value, range) => {
    const { SLURM_STEP_NUM_TASKS: _, ...ofWholeJob } = slurm;
    const all = {
      OMPI: openMpi,
      PMI: { PMI_RANK: '0' },
      PMIX: openMpi,
      MPI: { PMI_RANK: '0' },
      PET: kubeflow,
      JOB: indexed,
    };
    const of = { ...all, SLURM: name === 'SLURM_NTASKS' ? ofWholeJob : slurm }[/^[A-Z]+(?=_)/.exec(name)?.[0] ?? ''];
    const env = { ...(of ?? { RANK: '0', WORLD_SIZE: '2', MASTER_ADDR: 'a' }), [name]: value };
    expect(() => find(env)).toThrow(ConfigError);
    expect(() => find(env)).toThrow(`${name}=${value} is not a whole number from ${range}`);
  });

  it.each(['a b', '10.0.0.1:29500', 'tcp://a', 'a/b', 'me@a', 'fe80::1%eth0'])('is refused for the host %s', (host) => {
    const told = `MASTER_ADDR=${host} is no name or address of a host`;
    expect(() => find({ RANK: '0', WORLD_SIZE: '2', MASTER_ADDR: host })).toThrow(told);
    expect(() => find({ ...kubeflow, PET_MASTER_ADDR: host })).toThrow(`PET_${told}`);
  });

  it.each(['node1', '10.0.0.1', '::1', 'a.b-c.svc'])('takes the host %s', (host) => {
    expect(find({ RANK: '0', WORLD_SIZE: '2', MASTER_ADDR: host }).coordinator).toEqual({ host, port: undefined });
  });

  it('takes no name of a job that no folder could have', () => {
    expect(() => find({ ...slurm, LOCKSTEP_JOB: '../x' })).toThrow('LOCKSTEP_JOB=../x: is no name');
  });

  it('overrides what contradicts itself by options', () => {
    expect(find({ ...openMpi, PMIX_RANK: '0' }, { rank: 0, size: 2 })).toMatchObject({ rank: 0, size: 2 });
  });
});

describe('the ranks of a job', () => {
  const meet = (env: Record<string, string>, flags: LaunchFlags, token?: string) =>
    meetingOf(find(env, flags), ['a.yaml'], 'runs', token);

  it('meet at a file of the start in a folder of the job', () => {
    const first = meet(slurm, {});
    const second = meet({ ...slurm, SLURM_PROCID: '0', SLURMD_NODENAME: 'n1' }, {});
    expect(second).toEqual(first);
    expect(first).toMatchObject({ token: undefined, url: undefined, port: 0 });
    const again = meet({ ...slurm, SLURM_RESTART_COUNT: '1' }, {});
    expect(again.folder).toBe(first.folder);
    expect(again.notice).not.toBe(first.notice);
    expect(meet({ ...slurm, SLURM_JOB_ID: '18' }, {}).folder).not.toBe(first.folder);
    expect(meetingOf(find(slurm), ['b.yaml'], 'runs', undefined).folder).not.toBe(first.folder);
  });

  it('meet at an address that all know with a token that all have', () => {
    const meeting = meet(slurm, {}, 'secret');
    expect(meeting).toMatchObject({ notice: undefined, token: 'secret', url: `n1:${meeting.port}` });
    expect(meeting.port).toBeGreaterThan(9999);
    expect(meeting.port).toBeLessThan(30_000);
    expect(meet(kubeflow, {}, 'secret')).toMatchObject({ url: 'mnist-node-0-0.mnist:29400', port: 29400 });
    const given = { rank: 0, size: 2, coordinator: { host: '::1', port: 7474 } };
    expect(meet({}, given, 'secret')).toMatchObject({ url: '[::1]:7474', job: undefined, folder: undefined });
  });

  it('do not meet where nothing tells them from those of another job', () => {
    expect(() => meet({ RANK: '0', WORLD_SIZE: '2' }, {})).toThrow('gives this job no name');
    expect(() => meet({ RANK: '0', WORLD_SIZE: '1' }, {})).not.toThrow();
  });

  it('have names and ports that are allowed', () => {
    expect(rankName(2, 'node 3.ätsch')).toBe('rank2.node_3._tsch');
    expect(rankName(12, 'x'.repeat(100))).toHaveLength(64);
    expect(commonName('slurm/17', ['a.yaml'])).toMatch(/^slurm_17-[0-9a-f]{12}$/);
    const ports = Array.from({ length: 1000 }, (_, i) => portFor(`slurm-${i}`));
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(10_000);
    expect(Math.max(...ports)).toBeLessThan(30_000);
    expect(new Set(ports).size).toBeGreaterThan(950);
  });
});
