/** Every model of the conformance suite has the loss and the gradients of the processor on a device, and the same bits each time. */
import { expect } from 'vitest';
import { compileEvaluation, compileGradients } from '../../src/engine/onnx/compile.js';
import { inspectModel } from '../../src/engine/onnx/inspect.js';
import { OnnxEngine } from '../../src/engine/onnx/onnx-engine.js';
import { modelsOf } from '../../src/engine/onnx/step-loop.js';
import { createStepModel, initialParameters, type StepModel } from '../../src/engine/step.js';
import { tensorOf } from '../../src/model/slab.js';
import { layers } from '../support/conformance-layers.js';
import { decoder, losses, sequences } from '../support/conformance-losses.js';
import { type Case, fill, perturbed, relativeError, specOf, withSlabs } from '../support/engines.js';
import { skipIf } from '../support/skip-if.js';
import { onSwiftshader, swiftshaderMissing } from '../support/swiftshader.js';

const { it } = skipIf(swiftshaderMissing);
const key = { seed: 5, step: 3, shard: 1 };

const all: Record<string, Case> = { ...layers, ...sequences, ...losses, 'a decoder': decoder };
// It has the operators of 1024 units on a sequence, and is so large that a driver in software takes longer for it than for all others.
delete all['dense of 1024 and 2048 units'];
/** Those that are evaluated, too. */
const evaluated = ['dense', 'maxPooling2d overlapping, same', 'a decoder'];

async function computed(step: StepModel, parameters: Float32Array, name: string) {
  const example = all[name]!;
  const [count, isEvaluated] = [example.count ?? 5, evaluated.includes(name)];
  const { layout, fields } = step;
  const gradients = new Map([[count, compileGradients(step, count)]]);
  const evaluations = new Map(isEvaluated ? [[count, compileEvaluation(step, count)]] : []);
  const model = { layout, fields, gradients, evaluations };
  // Whatever the compiler writes, a worker that is sent it lets pass.
  for (const { subgraphs } of [...gradients.values(), ...evaluations.values()])
    for (const model of subgraphs.flatMap(modelsOf)) inspectModel(model);
  const engine = await withSlabs(layout, (slab) => new OnnxEngine(model, slab));
  fill(engine, example, parameters, count);
  // Parameters change from step to step, and a device has a copy of them.
  engine.parameters.fill(0, 0, layout.trainable);
  const flat = await engine.computeGradients(count, key);
  engine.parameters.set(parameters);
  const loss = await engine.computeGradients(count, key);
  const once = engine.gradients.slice();
  await engine.computeGradients(count, key);
  expect(relativeError(engine.gradients, once)).toBe(0);
  const evaluation = isEvaluated ? await engine.evaluate(count) : undefined;
  const [outputs, losses] = [evaluation?.outputs ?? [], evaluation?.losses ?? []].map((values) => [...values]);
  await engine.dispose();
  return { flat, loss, gradients: once, outputs: outputs!, losses: losses! };
}

for (const name of Object.keys(all)) {
  it(name, async () => {
    const step = await createStepModel(specOf(all[name]!));
    const parameters = perturbed(initialParameters(step), step.layout);
    const expected = await computed(step, parameters, name);
    const actual = await onSwiftshader(() => computed(step, parameters, name));
    expect(relativeError([actual.loss], [expected.loss])).toBeLessThan(1e-4);
    expect(relativeError([actual.flat], [expected.flat])).toBeLessThan(1e-4);
    expect(relativeError(actual.outputs, expected.outputs)).toBeLessThan(1e-4);
    expect(relativeError(actual.losses, expected.losses)).toBeLessThan(1e-4);
    for (const tensor of step.layout.tensors.filter(({ offset }) => offset < step.layout.state)) {
      const wanted = tensorOf(expected.gradients, tensor);
      // What is nothing but rounding differs.
      if (wanted.every((value) => Math.abs(value) < 1e-6)) continue;
      expect(relativeError(tensorOf(actual.gradients, tensor), wanted), tensor.name).toBeLessThan(1e-4);
    }
  });
}
