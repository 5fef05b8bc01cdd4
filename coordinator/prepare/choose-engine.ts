/** Chooses the engine of a run: the compiled one where the model allows it, else tfjs on its best backend. */

import { type BackendName, backendNames, loadBackend } from '../../src/engine/backends.js';
import { type CompiledGraph, compileEvaluation, compileGradients } from '../../src/engine/onnx/compile.js';
import { requireRoom } from '../../src/engine/onnx/memory-plan.js';
import type { CompiledModel } from '../../src/engine/onnx/onnx-engine.js';
import { chosenProvider } from '../../src/engine/onnx/providers.js';
import { leftToProcessor, runtimeVersion } from '../../src/engine/onnx/runtime.js';
import { modelsOf } from '../../src/engine/onnx/step-loop.js';
import type { CutGraph } from '../../src/engine/onnx/subgraphs.js';
import type { StepModel } from '../../src/engine/step.js';
import { createTfjsEngine } from '../../src/engine/tfjs-engine.js';
import { ConfigError, EngineError, ModelError, UnsupportedModelError } from '../../src/errors.js';
import { sha256 } from '../../src/ground/checksum.js';
import { plural } from '../../src/ground/units.js';
import { computedIdError } from '../../src/model/computed-ids.js';
import type { EngineSpec } from '../../src/pool/pool-options.js';
import { checkEager, checkPrecision } from './check-precision.js';
import { type BatchSizes, type Form, type MadeStep, specIn, withForm } from './forms.js';

export interface EngineChoice {
  readonly engine: 'auto' | 'onnx' | 'tfjs';
  readonly backend?: BackendName;
  /** See AcceptOptions. */
  readonly mixed?: boolean;
}

/**
 * @param whole the step on whole examples
 * @param forms one for each bucket
 * @param warn told why `auto` falls back
 * @throws ModelError when the model cannot be made in some form
 * @throws ConfigError when activations are to be computed again, or products in float16, and the engine is tfjs or the device cannot
 * @throws UnsupportedModelError when engine `onnx` is asked for and cannot run the model
 * @throws EngineError when engine `onnx` is asked for and does not load, or no backend of engine `tfjs` does
 */
export async function chooseEngine(
  { engine, backend, mixed }: EngineChoice,
  whole: MadeStep,
  forms: readonly Form[],
  warn: (message: string) => void,
): Promise<EngineSpec> {
  const trains = forms.some(({ sizes }) => sizes.gradients.length > 0);
  const recomputes = whole.step.recompute !== 'none' && trains;
  const precision = trains ? whole.step.precision : 'float32';
  const asked = `training.recompute: ${whole.step.recompute}`;
  // Asking for a backend is asking for the engine that has backends.
  if (engine !== 'tfjs' && backend === undefined) {
    try {
      runtimeVersion();
      checkPrecision(precision, warn);
      const models: CompiledModel[] = [];
      for (const form of forms)
        models.push(await withForm(whole, form, ({ step }) => compile(step, form.sizes, mixed)));
      const graphs = models.flatMap(({ gradients }) => [...gradients.values()]);
      if (recomputes && graphs.every((graph) => graph.plain && hashOf([graph.plain]) === hashOf([portable(graph)]))) {
        warn(`${asked}: the model has no block before its last one in which there is something to compute again`);
      }
      tellOfDevice(models, warn);
      return { kind: 'onnx', models };
    } catch (error) {
      const other = error instanceof UnsupportedModelError || error instanceof EngineError;
      // A device that was asked for is not left without a word.
      if (engine === 'onnx' || !other || !chosenProvider().inPlace) throw error;
      warn(
        `${error.problem}; using engine tfjs, which is slower: a step takes 20 to 100 times as long on backends wasm and cpu`,
      );
    }
  }
  if (recomputes) {
    throw new ConfigError(
      `${asked}: engine tfjs keeps all activations, and this ${engine === 'tfjs' ? 'run' : 'model'} needs it`,
      `leave training.recompute out${engine === 'tfjs' ? ', or use engine onnx' : '; training.accumulate saves memory too'}`,
    );
  }
  checkEager(precision, engine, warn);
  const steps = forms.map((form) => specIn(whole.spec, form));
  const reasons: string[] = [];
  let last: unknown;
  for (const candidate of backend ? [backend] : backendNames) {
    try {
      for (const form of forms) await withForm(whole, form, (made) => tryStep(made, form.sizes, candidate));
      return { kind: 'tfjs', steps, backend: candidate };
    } catch (error) {
      // The step was of made-up zeros: the ids that come from them need not be those of the data.
      if (computedIdError(error, [])) return { kind: 'tfjs', steps, backend: candidate };
      last = error;
      reasons.push(error instanceof EngineError ? error.problem : `backend ${candidate}: ${(error as Error).message}`);
    }
  }
  // The cpu backend is always there and knows every kernel: what it cannot run is no matter of backends.
  if (last instanceof ModelError) throw last;
  throw new EngineError(`engine tfjs cannot run this model: ${reasons.join('; ')}`, 'see npx lockstep doctor');
}

/** What a device leaves to the processor, of the first graph, by operators and the kernels that they are for. */
function tellOfDevice(models: readonly CompiledModel[], warn: (message: string) => void): void {
  const { inPlace, name } = chosenProvider();
  const graph = models.flatMap(({ gradients, evaluations }) => [...gradients.values(), ...evaluations.values()]).at(0);
  if (inPlace || !graph) return;
  const counts = new Map<string, number>();
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
  for (const subgraph of graph.subgraphs) {
    if (subgraph.kind === 'loop') count('loop of a recurrent layer');
    if (subgraph.kind === 'kernel') count(subgraph.kernel);
    for (const { operator, name } of modelsOf(subgraph).flatMap(leftToProcessor)) {
      // The kernel of tfjs, then the tensor.
      const [kernel] = name.split('__');
      count(kernel === '' || kernel === operator ? operator : `${operator} of ${kernel}`);
    }
  }
  if (counts.size === 0) return;
  const list = [...counts].map(([what, times]) => (times === 1 ? what : `${what} (${times} times)`));
  warn(
    `${name} leaves these to the processor, to which numbers go and come back in every step: ${list.join(', ')}; a model without them stays on the device, and --device cpu may be faster for this one`,
  );
}

/**
 * Backends load and still lack kernels that training or evaluation needs: one step tells. It also runs in the main
 * thread, before any other, whatever a backend does once for the process: `tensorflow` reads its settings, and keeps every
 * name of an operation's attribute in a set without a lock, which threads then only read.
 */
async function tryStep(
  { step: { layout }, spec }: MadeStep,
  { gradients, evaluations }: BatchSizes,
  backend: BackendName,
): Promise<void> {
  if (gradients.length + evaluations.length === 0) return;
  try {
    const engine = await createTfjsEngine(spec, backend, new Float32Array(layout.length));
    const few = Math.min((gradients[0] ?? evaluations[0])!, 2);
    const into = new Float32Array(layout.state);
    if (gradients.length > 0) await engine.computeGradients(few, { seed: 0, step: 0, shard: 0 }, into);
    await engine.evaluate(few);
    await engine.dispose();
  } finally {
    await loadBackend('cpu');
  }
}

function compile(step: StepModel, sizes: BatchSizes, mixed?: boolean): CompiledModel {
  const made = graphsOf(step, sizes, mixed);
  const count = step.layout.tensors.length;
  for (const [examples, graph] of made.gradients) {
    requireRoom(
      graph,
      count,
      `a shard of ${plural(examples, 'example')}`,
      'use more training.shards, or a smaller model or training.batchSize',
    );
  }
  for (const [examples, graph] of made.evaluations) {
    requireRoom(
      graph,
      count,
      `an evaluation of ${plural(examples, 'example')}`,
      'use shorter sequences, or a smaller model',
    );
  }
  return made;
}

const graphsOf = (step: StepModel, { gradients, evaluations }: BatchSizes, mixed?: boolean): CompiledModel => ({
  layout: step.layout,
  fields: step.fields,
  gradients: new Map(gradients.map((count) => [count, compileGradients(step, count, mixed)])),
  evaluations: new Map(evaluations.map((count) => [count, compileEvaluation(step, count, mixed)])),
});

/** Graphs that were compiled. */
export function graphCount(engine: EngineSpec): number {
  if (engine.kind !== 'onnx') return 0;
  return engine.models.reduce((sum, { gradients, evaluations }) => sum + gradients.size + evaluations.size, 0);
}

/** The engine with graphs that any processor can run. */
export function portableEngine(engine: EngineSpec): EngineSpec {
  if (engine.kind !== 'onnx') return engine;
  const of = (graphs: CompiledModel['gradients']) =>
    new Map([...graphs].map(([count, graph]) => [count, { ...graph, ...graph.portable }]));
  const models = engine.models.map((model) => ({
    ...model,
    gradients: of(model.gradients),
    evaluations: of(model.evaluations),
  }));
  return { kind: 'onnx', models };
}

const withoutModels = (key: string, value: unknown) => (key === 'bytes' ? undefined : value);

function hashOf(graphs: readonly CutGraph[]): string {
  const subgraphs = graphs.flatMap((graph) => graph.subgraphs);
  return sha256(
    ...subgraphs.flatMap((subgraph) =>
      subgraph.kind === 'session' ? subgraph.bytes : [JSON.stringify(subgraph, withoutModels), ...modelsOf(subgraph)],
    ),
  );
}

const portable = (graph: CompiledGraph): CutGraph => graph.portable ?? graph;

/**
 * SHA-256 of a compiled training step as any processor could run it, null of one that is run eagerly. What is computed again changes no
 * bit, nor this.
 */
export function graphHash(engine: EngineSpec): string | null {
  if (engine.kind !== 'onnx') return null;
  const graphs = engine.models.flatMap(({ gradients }) => [...gradients.values()]);
  return hashOf(graphs.map((graph) => graph.plain ?? portable(graph)));
}
