/** Sums that a thread waits for inside of MPI. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { loadUpdateKernels } from '../../../src/kernels/load-kernels.js';
import { mpiCollective } from '../../../src/wire/mpi/mpi-collective.js';
import { mpiWorld } from '../../../src/wire/mpi/mpi-world.js';
import { newFolders } from '../../support/folder.js';
import { beMpiJob, mpiJobEnv, withoutMpi, withoutMpirun } from '../../support/mpi.js';
import { compiled } from '../../support/package.js';
import { skipIf } from '../../support/skip-if.js';

const newFolder = newFolders();
const never = () => new AbortController().signal;

skipIf(withoutMpi).describe('a job of one process', () => {
  beforeAll(async () => {
    beMpiJob();
    await mpiWorld();
  });

  // Sums of few numbers, and of many, are made in different ways.
  it.each([16, 70_000])('adds up %i numbers, one sum after the other', async (count) => {
    const collective = mpiCollective()!;
    const memory = new WebAssembly.Memory({ initial: 10, maximum: 10, shared: true });
    const kernels = loadUpdateKernels(memory);
    const [own, total] = [0, 4 * count].map((offset) => new Float32Array(memory.buffer, offset, count));
    const sum = { memory, kernels, own: 0, total: 4 * count, count, trainable: count - 16 };
    own.fill(1.5);
    const squares = own[0] ** 2 * (count - 16);
    for (let i = 0; i < 5; i++) {
      own[count - 1] = i;
      expect(await collective.add(sum, never())).toBe(squares);
      expect(Buffer.compare(bytes(total), bytes(own))).toBe(0);
    }
    expect(await collective.add({ ...sum, own: sum.total }, never())).toBe(squares);
    expect(Buffer.compare(bytes(total), bytes(own))).toBe(0);
  });
});

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);

/** Rank 0 gives up a sum that rank 1 never takes part in. */
const program = `
  const { mpiWorld } = await import('${compiled('src/wire/mpi/mpi-world.js')}');
  const { WaitingSum } = await import('${compiled('src/wire/mpi/waiting-sum.js')}');
  const world = await mpiWorld();
  const memory = new WebAssembly.Memory({ initial: 10, maximum: 10, shared: true });
  if (world.rank === 1) setTimeout(() => {}, 60_000);
  else {
    const sum = new WaitingSum(world, memory).add({ own: 0, total: 0, count: 100_000, trainable: 0 }, AbortSignal.timeout(300));
    await sum.catch(({ name }) => process.stdout.write('given up: ' + name));
    process.exitCode = 7;
  }
`;

skipIf(withoutMpi ?? withoutMpirun).it('a process ends while its thread waits inside of MPI', async () => {
  const file = join(newFolder(), 'program.mjs');
  writeFileSync(file, program);
  const args = ['-np', '2', process.execPath, file];
  const child = spawn('mpirun', args, { env: mpiJobEnv(), stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  expect((await once(child, 'close'))[0]).toBe(7);
  expect(said).toBe('given up: TimeoutError');
});
