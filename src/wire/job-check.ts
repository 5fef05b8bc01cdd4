/** Whether the parts of a job fit together: what a hostile or broken coordinator could get wrong, a worker must not run into. */
import { elements, fieldOf, weighsPlaces, widthOf } from '../data/field.js';
import { type Geometry, shardSizes, stepsOf } from '../data/geometry.js';
import type { CompiledGraph } from '../engine/onnx/compile.js';
import { inspectModel } from '../engine/onnx/inspect.js';
import {
  divisorName,
  fieldName,
  gradientName,
  metricName,
  noiseName,
  parameterName,
  validName,
} from '../engine/onnx/names.js';
import type { OnnxValue } from '../engine/onnx/proto.js';
import type { Stage } from '../engine/onnx/stages.js';
import { WireError } from '../errors.js';
import { type SlabLayout, slabLayout } from '../model/slab.js';
import type { Job } from './job.js';

/** Bytes of all tensors of one graph: more does not fit into the memory that they share. */
const mostBytes = 2 ** 32;

const refuse = (field: string, problem: string): never => {
  throw new WireError(`job.${field}: ${problem}`, 'run the same version of lockstep on both sides');
};

const same = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);

/** @throws WireError naming the first field that does not fit the others */
export function checkJob(job: Job): void {
  const { geometry, examples, engine, metrics, augment, largestEvaluation } = job;
  const { model } = engine;
  checkLayout(model.layout);
  checkGeometry(geometry, examples.count);
  checkMetrics(job);
  if (augment && fieldOf(examples.fields, 'input').shape.length !== 3) refuse('augment', 'the examples are no images');
  if (largestEvaluation > examples.count) refuse('largestEvaluation', `there are ${examples.count} examples`);
  const { categories } = fieldOf(examples.fields, 'target');
  if (metrics.classes !== (categories !== undefined)) refuse('metrics.classes', 'is not what the examples say');
  for (const size of shardSizes(geometry)) {
    if (!model.gradients.has(size)) refuse('model.gradients', `there is no graph for shards of ${size}`);
  }
  for (const [count, graph] of model.gradients) checkGradients(job, count, graph, `model.gradients.${count}`);
  for (const [count, graph] of model.evaluations) checkEvaluation(job, count, graph, `model.evaluations.${count}`);
}

/** The layout must be the one that its own tensors give: aligned, in order, without gaps. */
function checkLayout(layout: SlabLayout): void {
  const { tensors, trainable, state, length } = layout;
  const weights = tensors.map(({ name, shape }) => ({ originalName: name, shape }));
  const until = (end: number) => tensors.filter(({ offset }) => offset < end).length;
  const [a, b] = [until(trainable), until(state)];
  const expected = slabLayout(weights.slice(0, a), weights.slice(a, b), weights.slice(b));
  tensors.forEach(({ offset, size }, i) => {
    const tensor = expected.tensors[i];
    if (size !== tensor.size) refuse(`model.layout.tensors.${i}.size`, `is ${size}, and its shape has ${tensor.size}`);
    if (offset !== tensor.offset) refuse(`model.layout.tensors.${i}.offset`, `is ${offset}, and not ${tensor.offset}`);
  });
  const ends = { trainable, state, length };
  for (const [name, end] of Object.entries(ends)) {
    const fits = expected[name as keyof typeof ends];
    if (end !== fits) refuse(`model.layout.${name}`, `is ${end}, and the tensors end at ${fits}`);
  }
}

function checkGeometry({ training, batchSize, shards, stepsPerEpoch }: Geometry, examples: number): void {
  if (training > examples) refuse('geometry.training', `there are ${examples} examples`);
  if (batchSize > training) refuse('geometry.batchSize', `is more than the training split of ${training}`);
  if (batchSize % shards !== 0) refuse('geometry.shards', `does not divide the batch size ${batchSize}`);
  const steps = stepsOf({ training, batchSize });
  if (stepsPerEpoch !== steps) refuse('geometry.stepsPerEpoch', `is not ${steps}`);
}

function checkMetrics({ examples, metrics }: Job): void {
  const { shape, categories } = fieldOf(examples.fields, 'target');
  const targets = elements(shape);
  if (categories !== undefined && metrics.places !== targets) refuse('metrics.places', `is not ${targets}`);
  // Metrics read as many numbers as there are.
  const fit = categories !== undefined || metrics.places * metrics.outputs === targets;
  if (!fit) refuse('metrics.places', `and metrics.outputs are not the ${targets} numbers of a target`);
  const { deviations } = metrics;
  if (deviations && (categories !== undefined || metrics.outputs % deviations.length !== 0))
    refuse('metrics.deviations', `are ${deviations.length}, not those of the targets`);
  if (metrics.weighted !== weighsPlaces(examples.fields)) refuse('metrics.weighted', 'is not what the examples say');
  examples.fields.forEach((field, i) => {
    if (field.role !== 'weight') return;
    if (field.type !== 'float32') refuse(`examples.fields.${i}.type`, 'is not that of weights');
    if (field.shape.length > 0 && widthOf(field) !== metrics.places)
      refuse(`examples.fields.${i}.shape`, `is not of ${metrics.places} places`);
  });
}

/** What a step on `count` examples is given, by name. */
function givenTensors({ engine }: Job, count: number, { noise }: CompiledGraph): Map<string, OnnxValue> {
  const { fields, layout } = engine.model;
  const values: OnnxValue[] = [
    ...fields.map((field) => ({ name: fieldName(field), type: field.type, shape: [count, ...field.shape] })),
    ...layout.tensors.map(({ shape }, i) => ({ name: parameterName(i), type: 'float32', shape }) as const),
    ...noise.map(({ shape }, i) => ({ name: noiseName(i), type: 'float32', shape }) as const),
  ];
  return new Map(values.map((value) => [value.name, value]));
}

function checkGradients(job: Job, count: number, graph: CompiledGraph, field: string): void {
  const made = checkGraph(job, count, graph, field);
  const { tensors, state } = job.engine.model.layout;
  const averaged = tensors.filter(({ offset }) => offset < state);
  checkResult(made, 'loss', 1, field);
  if (made.has(divisorName)) checkResult(made, divisorName, 1, field);
  averaged.forEach(({ size }, i) => {
    checkResult(made, gradientName(i), size, field);
  });
  // The engine looks for tensors of these names in the slab.
  const beyond = tensors.findIndex((_, i) => i >= averaged.length && made.has(gradientName(i)));
  if (beyond >= 0) refuse(`${field}.written`, `${gradientName(beyond)} is of a tensor that does not change`);
}

function checkEvaluation(job: Job, count: number, graph: CompiledGraph, field: string): void {
  const made = checkGraph(job, count, graph, field);
  const { outputs, places, metrics } = job.metrics;
  checkResult(made, 'outputs', count * places * outputs, field);
  checkResult(made, 'losses', count, field);
  const customs = metrics.filter((metric) => typeof metric === 'object' && 'custom' in metric).length;
  for (let i = 0; i < customs; i++) {
    const byPlace = elements(made.get(metricName(i))?.shape ?? []) === count * places;
    checkResult(made, metricName(i), byPlace ? count * places : count, field);
  }
  if (made.has(divisorName)) checkResult(made, divisorName, 1, field);
  if (made.has(validName)) checkResult(made, validName, count * places, field);
  if (made.has(metricName(customs))) refuse(`${field}.written`, `${metricName(customs)} is of no metric of the job`);
  if (made.has(gradientName(0))) refuse(`${field}.written`, 'an evaluation has no gradients');
}

function checkResult(made: ReadonlyMap<string, OnnxValue>, name: string, length: number, field: string): void {
  const value = made.get(name) ?? refuse(`${field}.written`, `${name} is missing`);
  if (value.type === 'float32' && elements(value.shape) === length) return;
  refuse(`${field}.written`, `${name} is ${value.type} [${value.shape.join(', ')}], not ${length} float32 numbers`);
}

/** Follows the tensors from stage to stage. @returns what the stages write */
function checkGraph(job: Job, count: number, graph: CompiledGraph, field: string): Map<string, OnnxValue> {
  const given = givenTensors(job, count, graph);
  const declared = new Map(graph.written.map((value) => [value.name, value]));
  if (declared.size !== graph.written.length) refuse(`${field}.written`, 'has a name twice');
  const bytes = [...given.values(), ...declared.values()].reduce((sum, { shape }) => sum + elements(shape) * 4, 0);
  if (bytes > mostBytes) refuse(field, `its tensors take ${bytes} bytes`);
  const made = new Map<string, OnnxValue>();
  graph.stages.forEach((stage, i) => {
    const at = `${field}.stages.${i}`;
    const outputs =
      stage.kind === 'session' ? checkSession(stage, given, made, at) : checkKernel(stage, made, declared, at);
    for (const value of outputs) {
      const wanted = declared.get(value.name);
      if (!wanted || wanted.type !== value.type || !same(wanted.shape, value.shape)) {
        refuse(at, `writes ${value.name} as ${value.type} [${value.shape.join(', ')}], which is not declared`);
      }
      if (made.has(value.name) || given.has(value.name)) refuse(at, `writes ${value.name}, which is there already`);
      made.set(value.name, value);
    }
  });
  if (made.size !== declared.size) refuse(`${field}.written`, 'names a tensor that no stage writes');
  return made;
}

type Values = ReadonlyMap<string, OnnxValue>;

function checkSession(stage: Extract<Stage, { kind: 'session' }>, given: Values, made: Values, at: string) {
  const { inputs, outputs } = inspectModel(stage.bytes);
  const names = (values: readonly OnnxValue[]) => values.map(({ name }) => name);
  if (!same(names(inputs), stage.inputs)) refuse(`${at}.inputs`, 'are not those of the model');
  if (!same(names(outputs), stage.outputs)) refuse(`${at}.outputs`, 'are not those of the model');
  for (const { name, type, shape } of inputs) {
    const value = made.get(name) ?? given.get(name) ?? refuse(`${at}.inputs`, `${name} is not there yet`);
    if (value.type !== type || !same(value.shape, shape)) {
      refuse(`${at}.inputs`, `${name} is ${value.type} [${value.shape.join(', ')}], not ${type} [${shape.join(', ')}]`);
    }
  }
  return outputs;
}

/**
 * Kernels work on addresses in the memory of what stages write, where gradients are not: a tensor from elsewhere, or a size
 * that does not fit, would have them read and write over others.
 */
function checkKernel(stage: Extract<Stage, { kind: 'kernel' }>, made: Values, declared: Values, at: string) {
  const [planes, h, w, outH, outW, kernelH, kernelW, strideH, strideW, top, left, positive] = stage.numbers;
  const [input, output] = [planes * h * w, planes * outH * outW];
  const checkSize = (where: string, name: string, value: OnnxValue | undefined, length: number): OnnxValue => {
    if (!value || inSlab.test(name)) return refuse(where, `${name} is not among what stages write`);
    if (value.type === 'float32' && elements(value.shape) === length) return value;
    return refuse(where, `${name} has not the ${length} numbers that the kernel works on`);
  };
  stage.inputs.forEach((name, i) => {
    checkSize(`${at}.inputs`, name, made.get(name), [input, output][i]);
  });
  const inside =
    Math.min(kernelH, kernelW, strideH, strideW) >= 1 &&
    (outH - 1) * strideH - top < h &&
    (outW - 1) * strideW - left < w &&
    top < kernelH &&
    left < kernelW &&
    positive <= 1;
  if (!inside) refuse(`${at}.numbers`, 'have a window outside of its plane');
  return [checkSize(`${at}.output`, stage.output, declared.get(stage.output), input)];
}

/** Names of tensors that the engine puts into the slab of gradients. */
const inSlab = new RegExp(`^${gradientName(0).slice(0, -1)}\\d+$`);
