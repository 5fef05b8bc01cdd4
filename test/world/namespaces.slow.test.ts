/** Hosts that are really apart: the bits of one machine over links that are slow, lossy, cut and healed. */
import { afterEach, beforeAll, expect, it } from 'vitest';
import { Cluster } from '../../scripts/namespaces/cluster.js';
import { Network, switchHere } from '../../scripts/namespaces/network.js';
import type { Timed } from '../../scripts/programs/event-log.js';
import type { RunEvent } from '../../src/report/events.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';

/** Why there can be no namespaces here; undefined where they can. */
function obstacle(): string | undefined {
  try {
    switchHere();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const reason = obstacle();

const newFolder = newFolders();
/** 512 examples in batches of 64; the slab has two segments. */
const model = {
  data: { source: 'digits', examples: 640, validation: 0.1, test: 0.1 },
  model: { layers: [{ flatten: {} }, { dense: { units: 96, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { adam: {} },
};
const training = (epochs: number) => ({ epochs, batchSize: 64, shards: 8 });
/** Of weights and biases; parameters as workers get them are this and Adam's two slots. */
const slabBytes = 4 * (784 * 96 + 96 + 96 * 10 + 10);
const workers = 3;
const everybody = [1, 2, 3];

let network: Network | undefined;
let cluster: Cluster | undefined;
const hashes = new Map<number, string>();

/** @param silence seconds: few where it is waited for, many where nobody is to be lost, however busy the machine is */
async function start(
  epochs: number,
  minimum: number,
  { silence, ...shape }: { delay: number; loss?: number; silence: number },
  ...set: string[]
) {
  const folder = newFolder();
  const config = writeConfig(folder, 'apart', { ...model, training: training(epochs) });
  network = await Network.create(workers + 1, { loss: 0, ...shape });
  cluster = new Cluster({ network, config, set: [`cluster.silence=${silence}`, ...set], workers, minimum, folder });
  await cluster.start();
  await Promise.all(everybody.map((host) => cluster!.changed(host, 'active')));
  return { network, cluster };
}

const eventsNamed = <Kind extends RunEvent['event']>({ coordinator: { events } }: Cluster, kind: Kind) =>
  events.filter((event): event is Timed<Extract<RunEvent, { event: Kind }>> => event.event === kind);

const lossesIn = (cluster: Cluster) =>
  eventsNamed(cluster, 'worker')
    .filter(({ change }) => change === 'lost' || change === 'detached')
    .map(({ name, change }) => `${name} ${change}`);

/** Bytes that the coordinator sent to all workers in a step, besides what they got before they took part. */
const passedOn = (cluster: Cluster) => {
  const { workers, steps } = eventsNamed(cluster, 'summary')[0];
  const data = 640 * (784 + 4);
  const sent = workers.filter(({ threads }) => threads > 0).map(({ bytesSent }) => bytesSent - data - 3 * slabBytes);
  return sent.reduce((sum, bytes) => sum + bytes, 0) / steps;
};

async function stop(): Promise<void> {
  await cluster?.close();
  network?.close();
  [network, cluster] = [undefined, undefined];
}

skipIf(reason).describe('hosts that are apart', () => {
  beforeAll(async () => {
    for (const epochs of [1, 8]) {
      const folder = newFolder();
      const config = writeConfig(folder, 'alone', { ...model, training: training(epochs) });
      hashes.set(epochs, (await trained(config, [], folder, 1)).end.sha256);
    }
  });
  afterEach(stop);

  it('come to the hash of one machine far away, with lost packets', async () => {
    const { cluster } = await start(1, workers, { delay: 20, loss: 0.02, silence: 30 }, 'cluster.allReduce=butterfly');
    const { sha256 } = await cluster.end();
    expect(sha256).toBe(hashes.get(1));
    expect(lossesIn(cluster)).toEqual([]);
    // The first steps are a star's until workers have links to each other.
    expect(passedOn(cluster)).toBeLessThan(2 * slabBytes);
  });

  it('of a star go on without one that is cut off, and have it back with the data that it had', async () => {
    const { network, cluster } = await start(8, workers - 1, { delay: 8, silence: 2 }, 'cluster.allReduce=star');
    await cluster.steps(3, performance.now());
    const cut = performance.now();
    network.cut(3);
    const lost = await cluster.changed(3, 'lost', cut);
    // Its shards of the step under way are computed by others.
    const recovered = await cluster.steps(1, lost.at);
    const healed = performance.now();
    network.heal(3);
    const back = await cluster.changed(3, 'active', healed);
    const { sha256 } = await cluster.end();
    const told = [lost.at - cut, recovered.at - cut, back.at - healed].map((ms) => `${(ms / 1000).toFixed(2)} s`);
    process.stdout.write(
      `cut off: detected after ${told[0]}, recovered after ${told[1]}; healed: back after ${told[2]}\n`,
    );

    expect(sha256).toBe(hashes.get(8));
    expect(lost.reason).toMatch(/^while \w+ing .*: no sign of life for \d+\.\d s/);
    expect(recovered.step).toBeLessThan(back.step);
    // Where others notice first, it is out of their exchange before it is lost.
    expect(lossesIn(cluster).filter((loss) => loss !== 'host3 detached')).toEqual(['host3 lost']);
    expect(eventsNamed(cluster, 'transfer').filter(({ at }) => at > cut)).toEqual([]);
    const own = cluster.workers[2].events.filter(({ at }) => at > cut);
    expect(own.map(({ event }) => event)).toEqual(['lost', 'connecting', 'joined', 'data', 'end']);
    expect(own[3]).toMatchObject({ from: 'memory' });
    expect(passedOn(cluster)).toBeGreaterThan(2 * slabBytes);
  });

  it('exchange through the coordinator when two of them cannot reach each other any more', async () => {
    // Slow enough that the block comes early in the run, however busy the machine is.
    const { network, cluster } = await start(8, workers, { delay: 8, silence: 2 }, 'cluster.allReduce=butterfly');
    await cluster.steps(3, performance.now());
    network.block(1, 3);
    const { sha256 } = await cluster.end();
    expect(sha256).toBe(hashes.get(8));
    expect(lossesIn(cluster)).toEqual([]);
    expect(passedOn(cluster)).toBeGreaterThan(slabBytes);
  });
});
