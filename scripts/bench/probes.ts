/** Every program that the table compares, as a probe. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureAllReduce } from './measure-allreduce.js';
import { type BandwidthMeasurement, measureBandwidth } from './measure-bandwidth.js';
import { type ClusterMeasurement, measureCluster } from './measure-cluster.js';
import { type MatmulCase, type MatmulMeasurement, measureMatmul, secondsOf } from './measure-matmul.js';
import { measurePool, type PoolCase, type PoolMeasurement } from './measure-pool.js';
import { measureStartup, type StartupMeasurement } from './measure-startup.js';
import { measureThreads } from './measure-threads.js';
import { type Measurement, measure } from './measurement.js';
import type { Probe } from './rounds.js';
import type { SumsMeasurement } from './sums.js';
import { type Peer, peerProgram } from './torch.js';
import { type ModelName, workloads } from './workloads.js';

// From dist/scripts/bench/.
const tfjsProgram = fileURLToPath(new URL('../peers/tfjs_single.js', import.meta.url));
/** Seconds of Gloo's program. */
const glooSeconds = 30;

/** A shard a worker, so that a worker computes on the batch that a worker of PyTorch computes on. */
function poolCase(model: ModelName, workers: number, seconds: number): PoolCase {
  const { batch, layers, featureShape } = workloads[model];
  const split = { batchSize: workers * batch, shards: workers, threads: workers };
  return { name: model, layers, examples: { featureShape, featureType: 'float32' }, ...split, seconds };
}

/** Our threads. */
export const poolProbe = (model: ModelName, workers: number, seconds: number): Probe<PoolMeasurement> => ({
  key: `${model}, ${workers} thread(s)`,
  measure: () => measurePool(poolCase(model, workers, seconds)),
});

/** Independent copies of a run with one thread, at the same time: processes that have nothing in common but the machine. */
export const copiesProbe = (model: ModelName, copies: number, seconds: number): Probe<CopiesMeasurement> => ({
  key: `${model}, ${copies} copies of a run with one thread`,
  measure: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
    const clear = () => rmSync(folder, { recursive: true, force: true });
    process.on('exit', clear);
    try {
      const copy = { ...poolCase(model, 1, seconds), together: { folder, processes: copies } };
      const measured = await Promise.all(Array.from({ length: copies }, () => measurePool(copy)));
      return { examplesPerSecond: measured.reduce((sum, one) => sum + one.examplesPerSecond, 0) };
    } finally {
      process.off('exit', clear);
      clear();
    }
  },
});

interface CopiesMeasurement {
  /** Of all together. */
  readonly examplesPerSecond: number;
}

/** Our coordinator and workers on loopback. */
export const clusterProbe = (
  model: ModelName,
  algorithm: 'star' | 'butterfly',
  workers: number,
  seconds: number,
): Probe<ClusterMeasurement> => ({
  key: `${model}, ${workers} remote workers, ${algorithm}`,
  measure: () => measureCluster({ model, algorithm, workers, seconds }),
});

/** PyTorch's DistributedDataParallel, or with one worker plain PyTorch. */
export function torchProbe(peer: Peer, model: ModelName, workers: number, seconds: number): Probe<Measurement> {
  const args = [peerProgram('torch_ddp.py'), model, String(workers), String(workloads[model].batch), String(seconds)];
  return {
    key: `${model}, ${workers} worker(s) of ${peer.name}`,
    measure: () => measure(peer.python, args, seconds),
  };
}

/** tfjs in one process. */
export const tfjsProbe = (model: ModelName, seconds: number): Probe<Measurement> => ({
  key: `${model}, tfjs`,
  measure: () =>
    measure(process.execPath, [tfjsProgram, model, String(workloads[model].batch), String(seconds)], seconds),
});

export const processSumsProbe: Probe<SumsMeasurement> = {
  key: 'all-reduce of 2 processes',
  measure: measureAllReduce,
};

export const threadSumsProbe: Probe<SumsMeasurement> = { key: 'sums of 2 threads', measure: measureThreads };

export const glooProbe = (peer: Peer): Probe<SumsMeasurement> => ({
  key: `all-reduce of 2 processes, gloo of ${peer.name}`,
  measure: () => measure(peer.python, [peerProgram('gloo_allreduce.py')], glooSeconds),
});

/** ONNX Runtime's matrix products. @param name of the groups of products */
export const matmulProbe = (name: string, matmulCase: MatmulCase): Probe<MatmulMeasurement> => ({
  key: `products of ${name} on ${matmulCase.threads} core(s)`,
  measure: () => measureMatmul(matmulCase),
});

export const torchMatmulProbe = (peer: Peer, name: string, matmulCase: MatmulCase): Probe<MatmulMeasurement> => ({
  key: `products of ${name} on ${matmulCase.threads} core(s), ${peer.name}`,
  measure: () =>
    measure(peer.python, [peerProgram('torch_matmul.py'), JSON.stringify(matmulCase)], secondsOf(matmulCase)),
});

/** From the start of a process to the first step, and compiling. */
export const startupProbe: Probe<StartupMeasurement> = { key: 'startup', measure: measureStartup };

export const bandwidthProbe = (threads: number): Probe<BandwidthMeasurement> => ({
  key: `memory bandwidth on ${threads} core(s)`,
  measure: () => measureBandwidth(threads),
});
