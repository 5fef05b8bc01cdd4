/** `lockstep join` under a real Open MPI: the bits of one process, and what Ctrl-C comes to, which leaves the ranks a second. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { beforeAll, expect } from 'vitest';
import { startProgram } from '../support/cli.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { freePort } from '../support/free-port.js';
import { paced } from '../support/held.js';
import { jobless, killRank, withoutMpirun } from '../support/mpi.js';
import { cliFile } from '../support/package.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { smallJob } from '../support/small.js';

const mpi = skipIf(withoutMpirun);
const newFolder = newFolders();

const config = {
  ...smallJob,
  training: { epochs: 1, batchSize: 8, shards: 4 },
  checkpoint: { everySteps: 10, keep: 2 },
};
/** With rests after each epoch, so that a signal, which mpirun passes on late, and the end of a job with a rank that died, come before its own. */
const long = { ...config, training: { ...config.training, epochs: 20 } };

const rests = paced('/20', 300);

let hashOfLong: string;
beforeAll(async () => {
  if (withoutMpirun) return;
  hashOfLong = (await trained(writeConfig(newFolder(), 'run', long), [], newFolder())).end.sha256;
});

function mpirun(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return startProgram(
    'mpirun',
    ['--oversubscribe', '-np', '2', execPath, cliFile, 'join', '--threads', '1', '--timeout', '40', ...args],
    folder,
    {
      ...jobless(),
      ...{ OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' },
      XDG_CACHE_HOME: join(folder, 'cache'),
      ...env,
    },
  );
}

mpi.it('two ranks go on from a checkpoint after Ctrl-C, and end with the bits of one process', async () => {
  const folder = newFolder();
  const first = mpirun(folder, [writeConfig(folder, 'run', long)], rests);
  await first.says('1/20');
  first.process.kill('SIGINT');
  expect((await first.finished).code).not.toBe(0);
  const { code, stdout } = await mpirun(folder, ['--resume', join('runs', 'job-1')]).finished;
  expect(code).toBe(0);
  expect(stdout).toMatch(/resumed +after step \d+/);
  expect(stdout).toContain(`parameters sha256: ${hashOfLong}`);
  // Its pipe is a terminal of no columns.
  expect(stdout).not.toContain('\u001b');
  expect(stdout).toContain('rank1.');
  expect(readdirSync(join(folder, 'runs'))).toEqual(['job-1']);
});

mpi.it(
  'sums go by MPI where ranks know address and token, too: a rank without would fail the job at its end',
  async () => {
    const folder = newFolder();
    const args = ['--coordinator', `127.0.0.1:${await freePort()}`, '--set', 'cluster.transport=mpi', '--steps', '20'];
    const token = { LOCKSTEP_TOKEN: 'a secret of the tests' };
    const { code, stdout } = await mpirun(folder, [writeConfig(folder, 'run', config), ...args], token).finished;
    expect(stdout).toContain('listening at mpi://');
    expect(code).toBe(0);
  },
);

mpi.it.each(['star', 'mpi'])('a rank that is killed is named, and the run goes on (%s)', async (allReduce) => {
  const folder = newFolder();
  const sums = ['cluster.transport=mpi', `cluster.allReduce=${allReduce}`].flatMap((value) => ['--set', value]);
  const first = mpirun(folder, [writeConfig(folder, 'run', long), ...sums], rests);
  await first.says('1/20');
  killRank(first.process, 1);
  const { code, stdout } = await first.finished;
  expect(code).not.toBe(0);
  expect(stdout).toMatch(/rank1\.\S+ .*lost|rank 1 with PID/);
  // Sums by MPI have other bits: to go on is enough.
  const rest = allReduce === 'star' ? [] : ['--steps', '20'];
  const again = await mpirun(folder, ['--resume', join('runs', 'job-1'), ...rest]).finished;
  expect(again.code).toBe(0);
  expect(again.stdout).toMatch(/resumed +after step \d+/);
  if (allReduce === 'star') expect(again.stdout).toContain(`parameters sha256: ${hashOfLong}`);
});

mpi.it('a rank that hangs keeps neither the run from its end nor the job', async () => {
  const folder = newFolder();
  const sums = ['cluster.transport=mpi', 'cluster.silence=1'].flatMap((value) => ['--set', value]);
  const job = mpirun(folder, [writeConfig(folder, 'run', long), ...sums], rests);
  await job.says('1/20');
  killRank(job.process, 1, 'SIGSTOP');
  const { code, stdout, stderr } = await job.finished;
  expect(stdout).toContain(`parameters sha256: ${hashOfLong}`);
  expect(stderr).toContain('a rank has not come to the end of the MPI job within 10 s');
  // Which is what mpirun makes of a rank that it has to end.
  expect(code).not.toBe(0);
});

mpi.it('of a rank 0 that is killed nothing is left but its run', async () => {
  const folder = newFolder();
  const job = mpirun(folder, [writeConfig(folder, 'run', long)], rests);
  await job.says('1/20');
  killRank(job.process, 0);
  expect((await job.finished).code).not.toBe(0);
  expect(readdirSync(join(folder, 'runs'))).toEqual(['job-1']);
});

mpi.it('a job with bad input ends at once, says so, and leaves nothing', async () => {
  const folder = newFolder();
  const { code, stdout } = await mpirun(folder, [writeConfig(folder, 'run', config), '--set', 'training.epochs=0'])
    .finished;
  expect(code).toBe(2);
  expect(stdout).toMatch(/^error: training.epochs: 0/m);
  expect(readdirSync(join(folder, 'runs'))).toEqual([]);
});
