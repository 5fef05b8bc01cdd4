/** `npm run bench -- backend`: throughput of engine onnx and of backend `tensorflow` of engine tfjs, alternating. */
import { fileURLToPath } from 'node:url';
import { loadRunConfig } from '../../src/config/load.js';
import type { LayersConfig } from '../../src/config/model.js';
import type { BackendName } from '../../src/engine/backends.js';
import { measurePool, type PoolCase } from './measure-pool.js';
import { median } from './measurement.js';
import { machine, table, whole } from './table.js';
import { workerCounts, workloads } from './workloads.js';

export interface BackendBenchOptions {
  /** How often each case is measured. */
  readonly pairs: number;
  /** How long one measurement takes, without its start. */
  readonly seconds: number;
}

const backend: BackendName = 'tensorflow';

type Model = Pick<PoolCase, 'name' | 'layers' | 'featureShape' | 'featureType'> & { readonly batch: number };

function models(): Model[] {
  // From dist/scripts/bench/.
  const file = fileURLToPath(new URL('../../../configs/digits-mlp.yaml', import.meta.url));
  const { layers } = loadRunConfig(file, []).model as LayersConfig;
  return [
    { name: 'digits-mlp', layers, featureShape: [28, 28, 1], featureType: 'uint8', batch: 128 },
    { name: 'cnn', ...workloads.cnn, featureType: 'float32' },
  ];
}

/** Prints a table; returns what is in it. */
export async function benchBackend({ pairs, seconds }: BackendBenchOptions): Promise<object> {
  const where = machine();
  process.stdout.write(`${where}\n${pairs} pairs of ${seconds} s a measurement\n\n`);
  const results = [];
  for (const { batch, ...model } of models()) {
    for (const threads of workerCounts) {
      const poolCase = { ...model, batchSize: threads * batch, shards: threads, threads, seconds };
      const measured: Record<'onnx' | 'tfjs' | 'ratio', number>[] = [];
      for (let pair = 0; pair < pairs; pair++) {
        process.stderr.write(`${model.name}, ${threads} threads: pair ${pair + 1} of ${pairs}\n`);
        const onnx = (await measurePool(poolCase)).examplesPerSecond;
        const tfjs = (await measurePool({ ...poolCase, backend })).examplesPerSecond;
        measured.push({ onnx, tfjs, ratio: tfjs / onnx });
      }
      const of = (key: 'onnx' | 'tfjs' | 'ratio') => median(measured.map((one) => one[key]));
      results.push({ model: model.name, threads, batch, onnx: of('onnx'), tfjs: of('tfjs'), ratio: of('ratio') });
    }
  }
  const head = ['model', 'threads', 'batch', 'onnx ex/s', `${backend} ex/s`, 'ratio'];
  const rows = results.map(({ model, threads, batch, onnx, tfjs, ratio }) => [
    ...[model, String(threads), `${threads} x ${batch}`, whole(onnx), whole(tfjs), ratio.toFixed(2)],
  ]);
  process.stdout.write(table(head, rows));
  return { machine: where, pairs, seconds, results };
}
