/** Traces a model's training step and evaluation into ONNX graphs of a fixed batch size. */
import tf = require('@tensorflow/tfjs-core');

import type { DilatedKernels } from '../../model/dilated.js';
import { evaluationStep, gradientStep, type StepModel } from '../step.js';
import { gradientName, metricName, noiseName, parameterName } from './names.js';
import { type StagedGraph, stageGraph } from './stages.js';
import { type Trace, trace } from './tracer.js';

export interface NoiseInput {
  readonly kind: 'uniform' | 'normal';
  readonly shape: readonly number[];
}

/** A compiled step or evaluation as plain data: what a thread needs to make its sessions. */
export interface CompiledGraph extends StagedGraph {
  /** Random inputs `noise0`, `noise1`, ... in the order in which the step draws them. */
  readonly noise: readonly NoiseInput[];
}

function batchInputs({ input }: Trace, { batch }: StepModel, count: number): [tf.Tensor, tf.Tensor] {
  const { featureShape, featureType, targetShape, targetType } = batch;
  const features =
    featureType === 'uint8'
      ? input('features', [count, ...featureShape], 'int32', 'uint8')
      : input('features', [count, ...featureShape], 'float32');
  return [features, input('targets', [count, ...targetShape], targetType)];
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

/** Graph of the training step on `count` examples: outputs `loss` and `gradient0`, `gradient1`, ... in slab order. */
export function compileGradients(step: StepModel, count: number): CompiledGraph {
  const noise: NoiseInput[] = [];
  const graph = trace((t) => {
    const draw = (kind: NoiseInput['kind']) => (shape: readonly number[]) => {
      noise.push({ kind, shape });
      return t.input(noiseName(noise.length - 1), shape, 'float32');
    };
    const parameters = parameterInputs(t, step);
    const [features, targets] = batchInputs(t, step, count);
    const weights = step.batch.weighted ? t.input('weights', [count], 'float32') : undefined;
    const hooks = { uniform: draw('uniform'), normal: draw('normal'), dilatedKernels };
    const { lossSum, gradients } = gradientStep(step, parameters, [features, targets, weights], hooks);
    t.output('loss', lossSum);
    gradients.forEach((gradient, i) => {
      t.output(gradientName(i), gradient);
    });
  }, true);
  return { ...stageGraph(graph), noise };
}

/** Graph of the evaluation of `count` examples: outputs `outputs`, `losses` and `metric0`, `metric1`, ... of users. */
export function compileEvaluation(step: StepModel, count: number): CompiledGraph {
  const graph = trace((t) => {
    const parameters = parameterInputs(t, step);
    const { outputs, losses, metrics } = evaluationStep(step, parameters, batchInputs(t, step, count));
    t.output('outputs', outputs);
    t.output('losses', losses);
    metrics.forEach((metric, i) => {
      t.output(metricName(i), metric);
    });
  }, true);
  return { ...stageGraph(graph), noise: [] };
}
