/** What Piscina runs in each thread: it makes one engine and serves the pool's tasks with it. */
import { workerData } from 'node:worker_threads';
import type { GradientEngine } from '../engine/engine.js';
import { OnnxEngine } from '../engine/onnx/onnx-engine.js';
import { Rank } from './rank.js';
import type { PoolSpec } from './spec.js';
import type { Task } from './task.js';

const spec = workerData as PoolSpec;

/** One for each bucket. */
async function createEngines(): Promise<GradientEngine[] | undefined> {
  if (spec.computes === false) return undefined;
  const { memory, offsets } = spec.shared;
  const parameters = new Float32Array(memory.buffer, offsets.parameters, spec.layout.length);
  const { engine } = spec;
  if (engine.kind === 'onnx') return engine.models.map((model) => new OnnxEngine(model, parameters));
  // Only this engine needs tfjs, which takes longer to load than everything else.
  const { createTfjsEngine } = await import('../engine/tfjs-engine.js');
  const engines: GradientEngine[] = [];
  for (const step of engine.steps) engines.push(await createTfjsEngine(step, engine.backend, parameters));
  return engines;
}

let engines: Promise<GradientEngine[] | undefined> | undefined;
/** Any thread can take any rank's task: threads differ in nothing. */
const ranks = new Map<number, Rank>();

export default async function run({ rank: number, task }: { rank: number; task: Task }): Promise<void> {
  engines ??= createEngines();
  const ready = await engines;
  if (task.kind === 'start') return;
  if (task.kind === 'stop') {
    for (const engine of ready ?? []) await engine.dispose();
    return;
  }
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
