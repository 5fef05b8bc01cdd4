/**
 * `node dist/scripts/metric-speed.js CASE FOLDER`: one measurement of scripts/peers/metric_speed.py, which writes the arrays, runs
 * this and scikit-learn in turns and compares the numbers. Prints what came out, seconds, and the peak of memory in MB.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { quantile } from '../src/evaluate/intervals.js';
import { keptArrays } from '../src/evaluate/kept-arrays.js';
import { partReplicates } from '../src/evaluate/replicates.js';
import { RunMetrics } from '../src/evaluate/run-metrics.js';
import type { Numbers } from '../src/metrics/class-probabilities.js';
import type { MetricConfig } from '../src/metrics/families.js';

const [name, folder] = process.argv.slice(2);
const threads = 2;

const bytesOf = (file: string): ArrayBuffer => {
  const bytes = readFileSync(join(folder, file));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
};
const integers = (file: string) => new Int32Array(bytesOf(file));

function results(predictions: Parameters<typeof keptArrays>[0], metrics: readonly MetricConfig[]) {
  const kept = keptArrays(predictions, metrics);
  return new RunMetrics(kept.heads).ofKept(kept.outputs);
}

/** The interval of the difference of two accuracies, the same draws for both. */
async function differences(targets: Numbers, both: readonly Numbers[], resamples: number): Promise<readonly number[]> {
  const parts = both.map((outputs) => ({ kept: keptArrays({ outputs, of: 'classes', targets }, ['accuracy']) }));
  const drawn = await partReplicates(targets.length, parts, { resamples, seed: 0, threads });
  // Of each draw and model the loss, which arrays do not have, and the accuracy.
  const ascending = Float64Array.from({ length: resamples }, (_, i) => drawn[4 * i + 1] - drawn[4 * i + 3]).sort();
  return [quantile(ascending, 0.025), quantile(ascending, 0.975)];
}

const cases: Record<string, () => () => readonly number[] | Promise<readonly number[]>> = {
  scores() {
    const [targets, outputs] = [integers('truth.bin'), new Float64Array(bytesOf('scores.bin'))];
    return () => {
      const { scalars } = results({ outputs, of: 'probabilities', targets }, ['auc', 'averagePrecision', 'logLoss']);
      return [scalars.auc, scalars.averagePrecision, scalars.logLoss];
    };
  },
  labels() {
    const [targets, outputs] = [integers('classes.bin'), integers('guesses.bin')];
    return () => {
      const asked: MetricConfig[] = ['confusionMatrix', { f1: { average: 'macro' } }];
      const { scalars, figures } = results({ outputs, of: 'classes', targets }, asked);
      const { confusionMatrix: table } = figures;
      return [scalars.f1Macro, table.kind === 'table' ? table.values[3][3] : Number.NaN];
    };
  },
  bootstrap() {
    const [targets, first, second] = [integers('few.bin'), integers('first.bin'), integers('second.bin')];
    return () => differences(targets, [first, second], 2000);
  },
};

const run = cases[name]();
const started = performance.now();
const found = await run();
const seconds = (performance.now() - started) / 1000;
// The peak of this program: what getrusage says may be that of the one that started it.
const [, peak] = /^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
process.stdout.write(`${JSON.stringify([found, seconds, Number(peak) / 1024])}\n`);
