/** Traces a model's training step and evaluation into ONNX graphs of a fixed batch size. */
import tf = require('@tensorflow/tfjs-core');

import type { Field } from '../../data/field.js';
import type { DilatedKernels } from '../../model/tfjs/dilated.js';
import { type BatchTensors, evaluates } from '../heads.js';
import { evaluationStep, gradientStep, type StepModel } from '../step.js';
import { type AcceptedGraph, accepted } from './accepted.js';
import type { StepGraph } from './graph.js';
import { halfProducts } from './half-products.js';
import {
  divisorName,
  gradientName,
  graphInputName,
  headNames,
  inverseScaleName,
  lossScaleName,
  noiseName,
  parameterName,
} from './names.js';
import { chosenProvider } from './providers.js';
import { recomputed } from './recompute.js';
import { type CutGraph, cutGraph } from './subgraphs.js';
import { type Trace, trace } from './tracer.js';

export interface NoiseInput {
  readonly kind: 'uniform' | 'normal';
  readonly shape: readonly number[];
}

/** A compiled step or evaluation as plain data: what a thread needs to make its sessions. */
export interface CompiledGraph extends AcceptedGraph {
  /** Random inputs `noise0`, `noise1`, ... in the order in which the step draws them. */
  readonly noise: readonly NoiseInput[];
  /** Of a step that computes some again, or on a device: the step for any processor, by which a checkpoint knows it. */
  readonly plain?: CutGraph;
}

/** @param used whether the graph reads a field */
function batchInputs(
  { input }: Trace,
  { fields }: StepModel,
  count: number,
  used: (field: Field) => boolean,
): BatchTensors {
  const named = fields.filter(used).map((field): [string, tf.Tensor] => {
    const shape = [count, ...field.shape];
    const { type } = field;
    const name = graphInputName(field);
    return [field.name, type === 'uint8' ? input(name, shape, 'int32', type) : input(name, shape, type)];
  });
  return new Map(named);
}

const parameterInputs = ({ input }: Trace, { layout }: StepModel): tf.Tensor[] =>
  layout.tensors.map(({ shape }, i) => input(parameterName(i), shape, 'float32'));

/** The lowerings of a convolution's gradients read its dilation, which tfjs's own calls never carry. */
const dilatedKernels: DilatedKernels = (x, filter, dy, pad, dilations) => {
  const attrs = { strides: 1, pad, dataFormat: 'NHWC', dilations };
  const run = (kernel: string, inputs: Record<string, tf.Tensor>, more: object) =>
    tf.engine().runKernel(kernel, inputs, { ...attrs, ...more } as tf.NamedAttrMap) as tf.Tensor4D;
  return [
    run('Conv2DBackpropInput', { dy, filter }, { inputShape: x.shape }),
    run('Conv2DBackpropFilter', { x, dy }, { filterShape: filter.shape }),
  ];
};

/** Graph of the training step on `count` examples: outputs `loss`, `divisor` where some places do not count, and `gradient0`, `gradient1`, ... in slab order. @param mixed see AcceptOptions */
export function compileGradients(step: StepModel, count: number, mixed = false): CompiledGraph {
  const { graph, noise } = traceGradients(step, count);
  const { precision } = step;
  const again = (whole: StepGraph) => recomputed(whole, forwardOutputs(step));
  const changed = step.recompute === 'none' ? undefined : again;
  const made = { ...accepted(graph, { precision, changed, mixed }), noise };
  if (!changed && chosenProvider().inPlace) return made;
  return { ...made, plain: cutGraph(precision === 'float16' ? halfProducts(graph, false) : graph) };
}

/** What is computed without any gradient. */
const forwardOutputs = ({ layout: { tensors, trainable } }: StepModel): string[] => [
  'loss',
  divisorName,
  ...tensors.flatMap(({ offset }, i) => (offset < trainable ? [] : [gradientName(i)])),
];

/** The step when nothing is computed again, before ONNX Runtime has seen it. */
export function traceGradients(step: StepModel, count: number): { graph: StepGraph; noise: NoiseInput[] } {
  const noise: NoiseInput[] = [];
  const graph = trace((t) => {
    const draw = (kind: NoiseInput['kind']) => (shape: readonly number[]) => {
      noise.push({ kind, shape });
      return t.input(noiseName(noise.length - 1), shape, 'float32');
    };
    const parameters = parameterInputs(t, step);
    const batch = batchInputs(t, step, count, () => true);
    const hooks = { uniform: draw('uniform'), normal: draw('normal'), dilatedKernels, layerBlock: t.layerBlock };
    const scalar = (name: string) => t.input(name, [], 'float32') as tf.Scalar;
    const lossScale =
      step.precision === 'float16' ? { factor: scalar(lossScaleName), inverse: scalar(inverseScaleName) } : undefined;
    const { lossSum, divisor, gradients } = gradientStep(step, parameters, batch, hooks, lossScale);
    t.output('loss', lossSum);
    if (divisor) t.output(divisorName, divisor);
    gradients.forEach((gradient, i) => {
      t.output(gradientName(i), gradient);
    });
  }, true);
  return { graph, noise };
}

/** Graph of the evaluation of `count` examples: for each target what headNames lists. */
export function compileEvaluation(step: StepModel, count: number, mixed = false): CompiledGraph {
  const graph = trace((t) => {
    const parameters = parameterInputs(t, step);
    const batch = batchInputs(t, step, count, evaluates);
    evaluationStep(step, parameters, batch).forEach(({ outputs, losses, divisor, metrics, valid }, head) => {
      const names = headNames(step.heads[head].target);
      t.output(names.outputs, outputs);
      t.output(names.losses, losses);
      if (divisor) t.output(names.divisor, divisor);
      if (valid) t.output(names.valid, valid);
      metrics.forEach((metric, i) => {
        t.output(names.metric(i), metric);
      });
    });
  }, true);
  return { ...accepted(graph, { mixed }), noise: [] };
}
