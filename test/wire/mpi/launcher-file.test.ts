/** Ranks of MPICH: one that npx has started, which passes no open files on, is told, where MPI itself would end the process; UCX leaves memory alone. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { clusterConflict, clusterSchema } from '../../../src/config/cluster.js';
import { lostLauncherFile } from '../../../src/wire/mpi/mpi-library.js';
import { transportNamed } from '../../../src/wire/transports.js';
import { jobless } from '../../support/mpi.js';
import { compiled } from '../../support/package.js';
import { skipIf } from '../../support/skip-if.js';

afterEach(() => vi.unstubAllEnvs());

it.each([
  ['a file that is not open', () => 9999],
  ['a file that is no socket', () => openSync(process.execPath, 'r')],
])('%s is refused, with what to do', (_, fileOf) => {
  const file = fileOf();
  vi.stubEnv('PMI_RANK', '0');
  vi.stubEnv('PMI_FD', String(file));
  expect(() => transportNamed('mpi')).toThrow(`PMI_FD=${file}, by which MPI talks to what has started the job`);
});

it('outside of a job the remedy names all that is to be set, as one without the other is refused', () => {
  for (const name of ['OMPI_COMM_WORLD_RANK', 'PMI_RANK', 'SLURM_PROCID', 'PMIX_RANK']) vi.stubEnv(name, undefined);
  const both = 'set cluster.transport: websocket, and cluster.allReduce: auto where that is mpi';
  expect(() => transportNamed('mpi')).toThrow(both);
  const cluster = clusterSchema.parse({ allReduce: 'mpi', transport: 'websocket' });
  expect(clusterConflict(cluster)![2]).toBe('set cluster.transport: mpi, or cluster.allReduce: auto');
  expect(clusterConflict({ ...cluster, allReduce: 'auto' })).toBeUndefined();
});

skipIf(process.platform === 'win32' && 'files of launchers: Windows has none').it('a socket is taken', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  expect(lostLauncherFile({ PMI_FD: String(fd) })).toBeUndefined();
  expect(lostLauncherFile({})).toBeUndefined();
  server.close();
});

it.each([
  ['MPICH', { PMI_RANK: '0' }, 'n'],
  ['MPICH, of which the user wants it', { PMI_RANK: '0', UCX_MEM_EVENTS: 'y' }, 'y'],
  ['Open MPI', { OMPI_COMM_WORLD_SIZE: '1' }, 'undefined'],
])('UCX keeps from what gives a process memory: under %s', (_, env, wanted) => {
  const program = `
    const { mpiLibrary } = await import('${compiled('src/wire/mpi/mpi-library.js')}');
    try { mpiLibrary(); } catch {}
    process.stdout.write(String(process.env.UCX_MEM_EVENTS));
  `;
  const args = ['--input-type=module', '--eval', program];
  const { UCX_MEM_EVENTS: _mine, ...others } = jobless();
  expect(
    execFileSync(process.execPath, args, {
      env: { ...others, LOCKSTEP_MPI: '/nowhere/libmpi.so', ...env },
      encoding: 'utf8',
    }),
  ).toBe(wanted);
});
