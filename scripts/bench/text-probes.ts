/** What `npm run bench -- transformers` measures. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstStep } from './first-step.js';
import { square } from './limits.js';
import type { MatmulMeasurement } from './measure-matmul.js';
import { measurePool, type PoolMeasurement } from './measure-pool.js';
import { type Measurement, measure } from './measurement.js';
import { matmulProbe, torchMatmulProbe } from './probes.js';
import type { Probe } from './rounds.js';
import { sameText } from './same-start.js';
import { type TextModelName, textBatches, textWorkloads } from './text-workloads.js';
import { type Peer, peerProgram } from './torch.js';

/** How PyTorch computes: as it comes, compiled, or under autocast. */
export const variants = ['eager', 'compile', 'bfloat16'] as const;
export type Variant = (typeof variants)[number];

/** Rounds of what is told beside the comparison. */
export const fewRounds = 3;

export interface TorchMeasurement extends Measurement {
  /** Of the first steps, mean over the workers. */
  readonly losses: readonly number[];
}

/** Our threads, with a shard each: the batch that a worker of PyTorch has. */
export const textProbe = (model: TextModelName, workers: number, seconds: number): Probe<PoolMeasurement> => ({
  key: `${model}, ${workers} thread(s)`,
  measure: () => {
    const { text, batch, layers } = textWorkloads[model];
    const examples = { ...text, examples: textBatches * batch };
    const split = { batchSize: workers * batch, shards: workers, threads: workers };
    return measurePool({ name: model, layers, examples, ...split, seconds });
  },
});

/** torch.compile takes a minute to start. */
const compileSeconds = 60;

export const torchTextProbe = (
  peer: Peer,
  model: TextModelName,
  workers: number,
  seconds: number,
  variant: Variant,
): Probe<TorchMeasurement> => ({
  key: `${model}, ${workers} worker(s) of ${peer.name}, ${variant}`,
  rounds: variant === 'eager' ? undefined : 1,
  measure: () => {
    const args = [peerProgram('torch_models.py'), model, String(workers), String(seconds), variant];
    return measure(peer.python, args, seconds + (variant === 'compile' ? compileSeconds : 0));
  },
});

/** Products of 2048 x 2048 on a core, of ONNX Runtime and of each PyTorch. */
export const coreProbes = (peers: readonly Peer[], seconds: number): Probe<MatmulMeasurement>[] => {
  const one = { threads: 1, seconds: seconds / 2, groups: [[square]] };
  const name = 'a core beside decoder-b';
  return [matmulProbe(name, one), ...peers.map((peer) => torchMatmulProbe(peer, name, one))].map((probe) => ({
    ...probe,
    rounds: fewRounds,
  }));
};

/** `lockstep train` from the start of its process until its first step is committed, on a text of 65 characters. */
export const firstStepProbe = (model: TextModelName): Probe<{ readonly seconds: number }> => ({
  key: `first step of ${model}`,
  rounds: fewRounds,
  measure: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
    try {
      const { text, batch, layers } = textWorkloads[model];
      const file = join(folder, 'text.txt');
      const characters = sameText(1, firstStepCharacters);
      writeFileSync(file, String.fromCharCode(...characters.map((token) => firstCharacter + token)));
      const config = join(folder, 'config.yaml');
      const data = { source: 'text', file, window: text.places, targets: text.targets, validation: 0.1 };
      const training = { epochs: 1, batchSize: batch };
      const run = { data, model: { layers }, loss: 'sparseCategoricalCrossentropy', optimizer: 'adam', training };
      writeFileSync(config, JSON.stringify(run));
      return { seconds: await firstStep(config) };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});

const firstStepCharacters = 50000;
/** The letter A, and what follows it. */
const firstCharacter = 0x41;
