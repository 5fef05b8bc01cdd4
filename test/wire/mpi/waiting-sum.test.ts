/** Sums that a thread waits for inside of MPI. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it, vi } from 'vitest';
import { loadUpdateKernels } from '../../../src/kernels/load-kernels.js';
import { AllReduce } from '../../../src/reduce/all-reduce.js';
import { mpiCollective } from '../../../src/wire/mpi/mpi-collective.js';
import { mpiWorld } from '../../../src/wire/mpi/mpi-world.js';
import { newFolders } from '../../support/folder.js';
import { beMpiJob, mpiJobEnv, withoutMpi, withoutMpirun } from '../../support/mpi.js';
import { compiled } from '../../support/package.js';
import { skipIf } from '../../support/skip-if.js';

const newFolder = newFolders();
const never = () => new AbortController().signal;
const refuse = () => expect.fail('nothing goes over a line');

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
    const own = new Float32Array(memory.buffer, 64, count);
    const sum = { memory, kernels, place: 64, count, trainable: count - 16 };
    for (let i = 0; i < 5; i++) {
      own.fill(1.5 + i);
      own[count - 1] = -1;
      const before = own.slice();
      expect(await collective.add(sum, never())).toBe((1.5 + i) ** 2 * (count - 16));
      expect(own).toEqual(before);
    }
  });

  it('makes no sum that nobody asked for when it is woken late', async () => {
    const collective = mpiCollective()!;
    const memory = new WebAssembly.Memory({ initial: 10, maximum: 10, shared: true });
    const [kernels, count] = [loadUpdateKernels(memory), 70_000];
    const { notify } = Atomics;
    const wakeTwice = vi.spyOn(Atomics, 'notify').mockImplementationOnce((words, at, threads) => {
      const woken = notify(words, at, threads);
      // The sum is made by then, and its thread asleep.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      return woken + notify(words, at, threads);
    });
    for (let i = 1; i < 100; i++) {
      new Float32Array(memory.buffer, 64, count).fill(i);
      expect(await collective.add({ memory, kernels, place: 64, count, trainable: 16 }, never())).toBe(i ** 2 * 16);
    }
    expect(wakeTwice).toHaveBeenCalledTimes(99);
    wakeTwice.mockRestore();
  });

  it('puts the sum where the first of those is that a member holds, and zeros where it holds none', async () => {
    const [floats, total] = [16, 192];
    const memory = new WebAssembly.Memory({ initial: 10, maximum: 10, shared: true });
    const at = (offset: number) => new Float32Array(memory.buffer, offset, floats);
    const own = [0, 64, 128].map((offset, i) => ({ low: i, high: i + 1, offset }));
    const exchange = new AllReduce({
      ...{ self: 0, memory, kernels: loadUpdateKernels(memory), layout: { trainable: floats, state: floats } },
      ...{ total, scratch: 256, earlyBytes: 64, collective: mpiCollective, send: refuse, refused: refuse },
    });
    const plan = { attempt: 0, algorithm: 'mpi', precision: 'float32', shards: 3 } as const;
    const wanted = [
      { nodes: own, place: 0, value: 1 + 2 + 4 },
      { nodes: [own[1]], place: 64, value: 2 },
      { nodes: [], place: total, value: 0 },
    ];
    for (const [round, { nodes, place, value }] of wanted.entries()) {
      for (const [i, { offset }] of own.entries()) at(offset).fill(2 ** i);
      at(total).fill(9);
      const members = [
        { id: 0, nodes },
        { id: 1, nodes: own.filter((node) => !nodes.includes(node)) },
      ];
      expect(await exchange.begin({ ...plan, round, members }, own)).toBe(value ** 2 * floats);
      expect([exchange.place, at(place)]).toEqual([place, new Float32Array(floats).fill(value)]);
    }
  });
});

/** Rank 0 gives up a sum that rank 1 never takes part in. */
const program = `
  const { mpiWorld } = await import('${compiled('src/wire/mpi/mpi-world.js')}');
  const { WaitingSum } = await import('${compiled('src/wire/mpi/waiting-sum.js')}');
  const world = await mpiWorld();
  const memory = new WebAssembly.Memory({ initial: 10, maximum: 10, shared: true });
  if (world.rank === 1) setTimeout(() => {}, 60_000);
  else {
    const sum = new WaitingSum(world, memory).add({ place: 0, count: 100_000, trainable: 0 }, AbortSignal.timeout(300));
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
