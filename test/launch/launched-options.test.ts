/** What `lockstep launch` is told is checked by the rules of who gets it, `join`, ssh, Slurm or Kubernetes, before anything starts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { launchCommand } from '../../cli/launch.js';
import { lockstepServed } from '../support/cli.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { smallJob } from '../support/small.js';

const newFolder = newFolders();
const config = { ...smallJob, training: { epochs: 1, batchSize: 16, shards: 4 } };

/** Of each launcher, what makes it complete, and values of its options that are refused; of others any is good, or there is none. */
const needs: Record<string, readonly string[]> = {
  ssh: ['hosts'],
  slurm: ['--nodes=2'],
  kubernetes: ['--nodes=2', '--image=lockstep'],
};
const common: Record<string, readonly string[]> = {
  '--threads': ['0', '257', 'x'],
  '--device': ['x'],
  '--set': ['x', 'training.epochs=0'],
  '--steps': ['0'],
  '--timeout': ['-1'],
  '--metrics-port': ['x', '65536'],
  '--metrics-host': ['0.0.0.0'],
  '--resume': ['run'],
  '--tls-cert': ['x'],
  '--tls-key': ['x'],
  '--tls-ca': ['x'],
};
const own: Record<string, Readonly<Record<string, readonly string[]>>> = {
  ssh: {
    '--job': ['x y'],
    '--coordinator': ['a:0', 'fe80::1%eth0', '1.2.3.4.5'],
    '--command': [' '],
    '--ssh-config': ['missing'],
  },
  slurm: {
    '--nodes': ['0'],
    '--cpus': ['0', 'x'],
    // As sbatch 22.05 refuses them.
    '--time': ['', 'x', '4h', '1:', '1-:', '1:2:3:4', '1-2:3:4:5'],
    '--partition': ['', 'a b'],
    '--command': ['', 'a\nb'],
    '--out': ['hosts', 'hosts/runs'],
  },
  kubernetes: {
    '--nodes': ['0'],
    '--cpus': ['0', '257'],
    '--image': ['reg x', 'A', 'a:', 'a@sha256:ab'],
    '--kind': ['x'],
    '--memory': ['x', '8K', '-1'],
    '--out': ['x'],
    ...Object.fromEntries(
      ['name', 'namespace', 'runs', 'data-volume', 'secret', 'tls-secret'].map((one) => [`--${one}`, ['A']]),
    ),
  },
};
const free = [
  '--allow-mixed-numerics',
  '--cache',
  '--chdir',
  '--dry-run',
  '--json',
  '--ledger',
  '--out',
  '--seal',
  '--trace',
];

function folderWith(hosts: string): string {
  const folder = newFolder();
  writeFileSync(join(folder, 'hosts'), hosts);
  writeConfig(folder, 'run', config);
  return folder;
}

it.each(launchCommand().commands.map((command) => [command.name(), command] as const))(
  'each option of launch %s',
  async (kind, command) => {
    const folder = folderWith('a\n');
    for (const long of command.options.map((option) => option.long!)) {
      const bad = own[kind][long] ?? common[long];
      if (!bad) expect(free).toContain(long);
      for (const value of bad ?? []) {
        const args = ['launch', kind, ...needs[kind], `${long}=${value}`, '--dry-run'];
        // The file of hosts comes before the config.
        const { code, stdout, stderr } = await lockstepServed([...args, 'run.yaml'], folder);
        expect([`${long}=${value}`, stdout], stderr).toEqual([`${long}=${value}`, '']);
        expect(code, stderr).toBe(long === '--ssh-config' ? 1 : 2);
        expect(stderr).toMatch({ '--set': /--set x|training\.epochs/, '--ssh-config': /^error: ssh -G/ }[long] ?? /--/);
      }
    }
  },
);

const plan = async (kind: string, folder: string, ...args: readonly string[]) => {
  const { code, stdout, stderr } = await lockstepServed(['launch', kind, ...needs[kind], ...args, '--dry-run'], folder);
  return code === 0 ? stdout : stderr.split('\n')[0];
};

it('takes what Slurm, Kubernetes and registries of images take', async () => {
  const folder = folderWith('a\n');
  for (const time of ['0', '-1', '90', '1:2', '1-', '1-2', '1-2:3:4', 'UNLIMITED', '99:99:99']) {
    expect(await plan('slurm', folder, 'run.yaml', `--time=${time}`, '--cpus=4.0')).toContain(`--time=${time}\n`);
  }
  expect(await plan('slurm', folder, 'run.yaml', '--cpus=4.0')).toContain('--cpus-per-task=4\n');
  const digest = `sha256:${'0a'.repeat(32)}`;
  for (const image of [
    'a',
    'localhost:5000/a_b/c--d:V1',
    `Registry.example.com/a@${digest}`,
    `[::1]:80/a/b:1@${digest}`,
  ]) {
    const text = await plan('kubernetes', folder, 'run.yaml', `--image=${image}`);
    // YAML breaks what is long.
    expect(text.replaceAll(/\\?\s+/g, '')).toContain(image);
  }
  for (const memory of ['0', '0.5Gi', '512Mi', '8e9', '900k']) {
    expect(await plan('kubernetes', folder, 'run.yaml', `--memory=${memory}`, '--runs=1a.b')).toContain(
      'claimName: 1a.b',
    );
  }
});

it('names to other hosts only what they can reach, and one host once', async () => {
  const of = (hosts: string, ...args: string[]) => plan('ssh', folderWith(hosts), 'run.yaml', ...args);
  expect(await of('fe80::1%eth0\n')).toContain('fe80::1%eth0 is fe80::1%eth0, which is no address for other hosts');
  expect(await of('fe80::1%lo\nb\n', '--coordinator=b')).toContain('--coordinator b:');
  expect(await of('0.0.0.0\nb\n')).toContain('0.0.0.0 is 0.0.0.0, by which other hosts reach themselves');
  expect(await of('node1\nNODE1\n')).toContain('node1 and NODE1 are one host');
  const folder = folderWith('node1\nNODE1\n');
  writeFileSync(join(folder, 'config'), 'Host NODE1\nHostName 10.0.0.2\n');
  expect((await plan('ssh', folder, 'run.yaml', '--ssh-config=config')).split('\n')).toHaveLength(3);
});

it('tells ranks what they would not refuse', async () => {
  const folder = folderWith('a slots=4\n');
  writeConfig(folder, '-run', config);
  // A device gets its work from one thread.
  expect(await plan('ssh', folder, 'run.yaml', '--device=webgpu')).not.toContain('--threads');
  expect(await plan('kubernetes', folder, 'run.yaml', '--device=webgpu')).not.toContain('--threads');
  const { stdout } = await lockstepServed(['launch', 'ssh', 'hosts', '--dry-run', '--', '-run.yaml'], folder);
  expect(stdout).toContain(' join ./-run.yaml ');
  const overMpi = ['run.yaml', '--set=cluster.transport=mpi', '--set=cluster.allReduce=mpi'];
  const told = 'are not of an MPI job';
  expect(await plan('ssh', folder, ...overMpi)).toContain(told);
  expect(await plan('kubernetes', folder, ...overMpi)).toContain(told);
  const remedy = ['--set=cluster.transport=websocket', '--set=cluster.allReduce=auto'];
  expect(await plan('ssh', folder, ...overMpi, ...remedy)).toContain(' join run.yaml ');
});
