/** What Piscina runs in each thread: it makes one engine and serves the pool's tasks with it. */
import { workerData } from 'node:worker_threads';
import type { GradientEngine } from '../engine/engine.js';
import { OnnxEngine } from '../engine/onnx/session.js';
import { Rank } from './rank.js';
import type { PoolSpec } from './spec.js';
import type { Task } from './task.js';

const spec = workerData as PoolSpec;

async function createEngine(): Promise<GradientEngine | undefined> {
  if (spec.computes === false) return undefined;
  const { memory, offsets } = spec.shared;
  const parameters = new Float32Array(memory.buffer, offsets.parameters, spec.layout.length);
  if (spec.engine.kind === 'onnx') return new OnnxEngine(spec.engine.model, parameters);
  // Only this engine needs tfjs, which takes longer to load than everything else.
  const { createTfjsEngine } = await import('../engine/tfjs.js');
  return createTfjsEngine(spec.engine.step, spec.engine.backend, parameters);
}

let engine: Promise<GradientEngine | undefined> | undefined;
/** Any thread can take any rank's task: threads differ in nothing. */
const ranks = new Map<number, Rank>();

export default async function run({ rank: number, task }: { rank: number; task: Task }): Promise<void> {
  engine ??= createEngine();
  const ready = await engine;
  if (task.kind === 'start') return;
  if (task.kind === 'stop') return ready?.dispose();
  let rank = ranks.get(number);
  if (!rank) {
    rank = new Rank(spec, number, ready);
    ranks.set(number, rank);
  }
  switch (task.kind) {
    case 'train':
      return rank.train(task);
    case 'nodes':
      return rank.computeNodes(task);
    case 'apply':
      return rank.apply(task);
    case 'evaluate':
      return rank.evaluate(task);
  }
}
