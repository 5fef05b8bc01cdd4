/** `npm run bench -- backend`: throughput of backend `tensorflow` of engine tfjs over that of engine onnx, alternating. */
import { fileURLToPath } from 'node:url';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { LayersConfig } from '../../src/config/model.js';
import type { BackendName } from '../../src/engine/backends.js';
import { measurePool, type PoolCase, type PoolMeasurement } from './measure-pool.js';
import { type Probe, playRounds } from './rounds.js';
import { type Row, rowTable } from './rows.js';
import { machine } from './table.js';
import { workerCounts, workloads } from './workloads.js';

export interface BackendBenchOptions {
  /** How often each case is measured. */
  readonly pairs: number;
  /** How long one measurement takes, without its start. */
  readonly seconds: number;
}

const backend: BackendName = 'tensorflow';

type Model = Pick<PoolCase, 'name' | 'layers' | 'examples'> & { readonly batch: number };

function models(): Model[] {
  // From dist/scripts/bench/.
  const file = fileURLToPath(new URL('../../../configs/digits-mlp.yaml', import.meta.url));
  const { layers } = loadRunConfig(file, []).model as LayersConfig;
  const { cnn } = workloads;
  return [
    { name: 'digits-mlp', layers, examples: { featureShape: [28, 28, 1], featureType: 'uint8' }, batch: 128 },
    { name: 'cnn', layers: cnn.layers, examples: { ...cnn, featureType: 'float32' }, batch: cnn.batch },
  ];
}

/** A probe of each engine. */
function probesOf(
  { batch, ...model }: Model,
  threads: number,
  seconds: number,
): Record<'onnx' | 'tfjs', Probe<PoolMeasurement>> {
  const poolCase = { ...model, batchSize: threads * batch, shards: threads, threads, seconds };
  const key = `${model.name}, ${threads} thread(s)`;
  return {
    onnx: { key: `${key}, onnx`, measure: () => measurePool(poolCase) },
    tfjs: { key: `${key}, ${backend}`, measure: () => measurePool({ ...poolCase, backend }) },
  };
}

/** Prints a table; returns what is in it. */
export async function benchBackend({ pairs, seconds }: BackendBenchOptions): Promise<object> {
  const where = machine();
  process.stdout.write(`${where}\n${pairs} pairs of ${seconds} s a measurement\n\n`);
  const cases = models().flatMap((model) =>
    workerCounts.map((threads) => ({ model, threads, ...probesOf(model, threads, seconds) })),
  );
  const measured = await playRounds(
    pairs,
    cases.flatMap(({ onnx, tfjs }) => [onnx, tfjs]),
  );
  const rates = (probe: Probe<PoolMeasurement>) => measured.of(probe).map(({ examplesPerSecond }) => examplesPerSecond);
  const rows = cases.map(
    ({ model, threads, onnx, tfjs }): Row => ({
      section: 'backend',
      what: `${backend}, ${model.name}, ${threads} x ${model.batch}`,
      unit: 'ex/s',
      ours: rates(tfjs),
      peer: { name: 'engine onnx', software: 'Lockstep', values: rates(onnx) },
    }),
  );
  process.stdout.write(rowTable(rows));
  return { machine: where, pairs, seconds, rows };
}
