/** The barrier of a pool: nobody passes before all have come, and a thread that fails frees those that wait. */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { AbortedError, Control } from '../../src/pool/control.js';
import { compiled } from '../support/package.js';

const program = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { control, counts, rank, ranks, rounds, fails } = workerData;
  import(workerData.module).then(({ Control }) => {
    const shared = new Control(control);
    const mine = new Int32Array(counts);
    try {
      for (let round = 1; round <= rounds; round++) {
        if (fails === round) throw new Error('this thread fails');
        Atomics.store(mine, rank, round);
        shared.barrier(ranks);
        for (let other = 0; other < ranks; other++) {
          if (Atomics.load(mine, other) < round) throw new Error('passed round ' + round + ' before rank ' + other);
        }
        shared.barrier(ranks);
      }
      parentPort.postMessage('done');
    } catch (error) {
      shared.abort();
      parentPort.postMessage(error.message);
    }
  });
`;

/** Runs `ranks` threads through the barrier; thread `failing` throws in round `fails`. */
async function run(ranks: number, rounds: number, failing = -1, fails = 0): Promise<string[]> {
  const control = Control.allocate();
  const counts = new SharedArrayBuffer(4 * ranks);
  const module = compiled('src/pool/control.js').href;
  const threads = Array.from({ length: ranks }, (_, rank) => {
    const workerData = { control, counts, rank, ranks, rounds, module, fails: rank === failing ? fails : 0 };
    return new Worker(program, { eval: true, workerData });
  });
  const results = threads.map((thread) => new Promise<string>((resolve) => thread.on('message', resolve)));
  const messages = await Promise.all(results);
  await Promise.all(threads.map((thread) => thread.terminate()));
  return messages;
}

describe('Control.barrier', () => {
  it.each([1, 2, 3, 5])('holds %i threads together', async (ranks) => {
    expect(await run(ranks, 300)).toEqual(Array(ranks).fill('done'));
  });

  it('lets go of the others when a thread fails', async () => {
    const messages = await run(3, 50, 1, 20);
    expect(messages[1]).toBe('this thread fails');
    expect([messages[0], messages[2]]).toEqual([AbortedError.reason, AbortedError.reason]);
  });
});
