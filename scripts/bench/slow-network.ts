/** `npm run bench -- slow-network`: local steps beside training in step, over hosts that are really apart behind slow links. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomStream, uniform } from '../../src/ground/random.js';
import { Cluster } from '../namespaces/cluster.js';
import { Network } from '../namespaces/network.js';
import { type Row, rowTable } from './rows.js';
import { machine } from './table.js';

export interface SlowNetworkOptions {
  /** Steps of training in step, and rounds of local steps, that are measured. */
  readonly steps: number;
  readonly rounds: number;
}

const hosts = 4;
const mbit = 10;
const roundSteps = 48;
const local = `local: { steps: ${roundSteps}`;

/** What is measured, and the steps of it that only bring it up to speed. */
const ways = {
  'in step': { sync: 'step', warmUp: 2 },
  'local steps': { sync: `{ ${local} } }`, warmUp: roundSteps },
  'local steps, int8': { sync: `{ ${local}, quantize: int8 } }`, warmUp: roundSteps },
  'four parts beside 5 steps, int8': {
    sync: `{ ${local}, parts: 4, overlap: 5, quantize: int8 } }`,
    warmUp: roundSteps,
  },
} as const;

interface SlowRun {
  readonly stepsPerSecond: number;
  readonly bytesPerStep: number;
}

/** A decoder of characters, as docs/cluster.md tells of it, on text of no meaning. */
function writeRun(folder: string, steps: number): string {
  const [batch, window] = [32, 32];
  const random = randomStream('slow network', 0);
  // Two in a hundred validate; the last batch is not full, so that no step is added to a round's.
  const examples = Math.floor((steps * batch - 4) / 0.98);
  const letters = Array.from({ length: examples * window + 1 }, () => Math.floor(uniform(random, 0, 65)));
  writeFileSync(join(folder, 'text.txt'), letters.map((letter) => String.fromCharCode(48 + letter)).join(''));
  const config = {
    name: `slow-${steps}`,
    seed: 42,
    data: { source: 'text', file: join(folder, 'text.txt'), window, stride: window, targets: 'all', validation: 0.02 },
    model: {
      layers: [
        { tokenAndPositionEmbedding: { width: 48 } },
        { transformerDecoder: { repeat: 2, heads: 4, feedForward: 192 } },
        { logits: { tied: true } },
      ],
    },
    loss: 'sparseCategoricalCrossentropy',
    optimizer: { adamw: { learningRate: 0.003 } },
    training: { epochs: 1, batchSize: batch, shards: hosts },
    // Above what a step takes on its way.
    cluster: { silence: 30 },
  };
  const file = join(folder, `slow-${steps}.yaml`);
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** @param steps of the run, about: it ends with its data */
async function measure(
  network: Network,
  folder: string,
  sync: string,
  warmUp: number,
  steps: number,
): Promise<SlowRun> {
  const file = writeRun(folder, steps);
  const set = [`cluster.sync=${sync}`];
  const cluster = new Cluster({ network, config: file, set, workers: hosts, minimum: hosts, folder });
  try {
    await cluster.start();
    await cluster.end();
    const { bytesPerStep } = await cluster.coordinator.until('summary');
    const done = cluster.coordinator.of('step');
    const [first, last] = [done[warmUp - 1], done.at(-1)!];
    return { stepsPerSecond: ((last.step - first.step) * 1000) / (last.at - first.at), bytesPerStep };
  } finally {
    await cluster.close();
  }
}

/** Prints and returns the figures: each of one run. */
export async function benchSlowNetwork({ steps, rounds }: SlowNetworkOptions): Promise<object> {
  const where = machine();
  process.stdout.write(`${where}\n${hosts} hosts and a coordinator, each behind ${mbit} Mbit/s\n\n`);
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-slow-network-'));
  const network = await Network.create(hosts + 1, { rate: mbit * 1e6, delay: 0, loss: 0 });
  const rows: Row[] = [];
  try {
    let peer: SlowRun | undefined;
    for (const [what, { sync, warmUp }] of Object.entries(ways)) {
      const length = sync === 'step' ? warmUp + steps : roundSteps * (rounds + 1);
      const measured = await measure(network, folder, sync, warmUp, length);
      peer ??= measured;
      const row = (unit: Row['unit'], of: (one: SlowRun) => number, target: number): Row => ({
        section: 'slow-network',
        what,
        unit,
        ours: [of(measured)],
        ...(measured !== peer && {
          target,
          peer: { name: 'in step', software: 'Lockstep', values: [of(peer!)] },
        }),
      });
      rows.push(row('steps/s', ({ stepsPerSecond }) => stepsPerSecond, 10));
      rows.push(row('kB', ({ bytesPerStep }) => bytesPerStep / 1e3, 1 / 40));
    }
  } finally {
    network.close();
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(rowTable(rows));
  return { machine: where, rows };
}
