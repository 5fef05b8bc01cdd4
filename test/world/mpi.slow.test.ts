/** Runs as jobs of Open MPI and of MPICH, started by their mpirun. */
import { expect, it } from 'vitest';
import { newFolders, writeConfig } from '../support/folder.js';
import { runMpiJob, withoutMpi, withoutMpich, withoutMpirun } from '../support/mpi.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { smallModel } from '../support/small.js';

const newFolder = newFolders();
const config = {
  ...smallModel,
  name: 'job',
  seed: 3,
  data: { source: 'digits', examples: 200, validation: 0.2, test: 0 },
  optimizer: 'adam',
  training: { epochs: 2, batchSize: 32, shards: 4 },
  cluster: { transport: 'mpi' },
};

skipIf(withoutMpi ?? withoutMpirun).describe('a job of Open MPI', () => {
  it('comes to the parameters of one process, and ends well', async () => {
    const folder = newFolder();
    const file = writeConfig(folder, 'job', config);
    const alone = await trained(file, [], newFolder());
    const command = ['join', file, '--threads', '1', '--json', '--out', folder, '--cache', newFolder()];
    const { code, errors, output } = await runMpiJob(2, command, folder);
    expect([code, errors]).toEqual([0, '']);
    const events = output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
    expect(events.find(({ event }) => event === 'listening')).toMatchObject({ url: expect.stringMatching(/^mpi:/) });
    expect(events.flatMap(({ event, sha256 }) => (event === 'end' && sha256 ? [sha256] : []))).toEqual([
      alone.end.sha256,
    ]);
  });

  it('adds up by MPI itself where it is told to: no sum goes over a line, what is learned is the same but for rounding', async () => {
    const folder = newFolder();
    // So many numbers that a thread waits for their sums.
    const units = 1024;
    const layers = ['flatten', { dense: { units, activation: 'relu' } }, { dense: { units: 'classes' } }];
    const file = writeConfig(folder, 'job', { ...config, model: { layers } });
    const alone = await trained(file, [], newFolder());
    const command = ['join', file, '--set', 'cluster.allReduce=mpi', '--threads', '1', '--json', '--out', folder];
    const { code, errors, output } = await runMpiJob(2, [...command, '--cache', newFolder()], folder);
    expect([code, errors]).toEqual([0, '']);
    const events = output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
    const { workers, sums, steps } = events.find(({ event }) => event === 'summary');
    expect(sums).toBe('mpi');
    const parameters = 64 * units + units + units * 10 + 10;
    expect(workers[0].bytesSent).toBeLessThan((steps / 2) * 4 * parameters);
    const end = events.find(({ event, sha256 }) => event === 'end' && sha256);
    expect(end.validation.loss).toBeCloseTo(alone.end.validation!.loss, 4);
  });
});

skipIf(withoutMpich).it.each(['auto', 'mpi'])(
  'a job of MPICH trains as one of Open MPI does (allReduce: %s)',
  async (allReduce) => {
    const folder = newFolder();
    const file = writeConfig(folder, 'job', config);
    const alone = await trained(file, [], newFolder());
    const command = [
      'join',
      file,
      '--set',
      `cluster.allReduce=${allReduce}`,
      '--threads',
      '1',
      '--json',
      '--out',
      folder,
    ];
    // Nothing names its jobs.
    const named = [...command, '--cache', newFolder(), '--job', `mpich-${allReduce}`];
    const { code, output } = await runMpiJob(2, named, folder, 'mpirun.mpich');
    expect(code).toBe(0);
    const events = output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
    expect(events.find(({ event }) => event === 'listening')).toMatchObject({ url: expect.stringMatching(/^mpi:/) });
    const end = events.find(({ event, sha256 }) => event === 'end' && sha256);
    expect(end.validation.loss).toBeCloseTo(alone.end.validation!.loss, 4);
    if (allReduce === 'auto') expect(end.sha256).toBe(alone.end.sha256);
  },
);
