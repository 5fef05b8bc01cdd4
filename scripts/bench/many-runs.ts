/** A folder of many runs, and the same numbers as TensorBoard has them. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MeasurementError } from './measurement.js';
import { peerProgram } from './torch.js';

export const manyRuns = { runs: 200, steps: 10_000 } as const;

/** @returns the folder of runs */
export function writeManyRuns(folder: string): string {
  const lines = Array.from({ length: manyRuns.steps }, (_, i) => {
    const [step, value] = [i + 1, 2 / (i + 1)];
    const numbers = { loss: value, learningRate: value, gradientNorm: value, examplesPerSecond: value };
    return `${JSON.stringify({ event: 'step', epoch: 1, step, ...numbers, time: 1_795_888_176 + i })}\n`;
  }).join('');
  const own = join(folder, 'own');
  for (let run = 1; run <= manyRuns.runs; run++) {
    const place = join(own, `run-${run}`);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'config.yaml'), `name: run\nseed: ${run}\ntraining: { epochs: 1, batchSize: 64 }\n`);
    writeFileSync(join(place, 'metrics.jsonl'), lines);
  }
  return own;
}

/** @returns the folder of event files, and TensorBoard's version. @throws MeasurementError where the Python has none */
export function writeEventFiles(folder: string, python: string): { readonly theirs: string; readonly version: string } {
  const sample = join(folder, 'sample');
  let version: string;
  try {
    const args = [peerProgram('tensorboard_events.py'), sample, `${manyRuns.steps}`];
    version = execFileSync(python, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    throw new MeasurementError(
      `${python} has no TensorBoard: pip install tensorboard, and name that Python by --python`,
    );
  }
  const [file] = readdirSync(sample);
  const theirs = join(folder, 'theirs');
  for (let run = 1; run <= manyRuns.runs; run++) {
    mkdirSync(join(theirs, `run-${run}`), { recursive: true });
    copyFileSync(join(sample, file), join(theirs, `run-${run}`, file));
  }
  return { theirs, version };
}
