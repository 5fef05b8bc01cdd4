/** Whether the parts of a job fit together: what a hostile or broken coordinator could get wrong, a worker must not run into. */
import { pictureIn } from '../data/augment/moved.js';
import { type Field, ofRole, weighsPlaces, weightsOf, widthOf } from '../data/field.js';
import { type Geometry, shardSizes, stepsOf } from '../data/geometry.js';
import type { CompiledGraph } from '../engine/onnx/compile.js';
import { inspectModel } from '../engine/onnx/inspect.js';
import {
  divisorName,
  gradientName,
  graphInputName,
  headNames,
  noiseName,
  parameterName,
} from '../engine/onnx/names.js';
import type { CompiledModel } from '../engine/onnx/onnx-engine.js';
import type { OnnxValue } from '../engine/onnx/proto.js';
import type { Subgraph } from '../engine/onnx/subgraphs.js';
import { WireError } from '../errors.js';
import type { HeadMetrics } from '../evaluate/run-metrics.js';
import { elements } from '../ground/elements.js';
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
  const { geometry, examples, engine, augment, largestEvaluation } = job;
  const { models } = engine;
  checkLayout(models[0].layout);
  checkBuckets(job);
  checkGeometry(geometry, examples.count);
  checkMetrics(job);
  if (augment && !pictureIn(examples.fields)) refuse('augment', 'the examples are no images');
  if (largestEvaluation > examples.count) refuse('largestEvaluation', `there are ${examples.count} examples`);
  models.forEach((model, i) => {
    checkModel(job, model, `models.${i}`);
  });
}

/** Each bucket has a model of its own, and none is longer than the examples. */
function checkBuckets({ buckets, engine, examples }: Job): void {
  if (buckets.length === 0 && engine.models.length === 1) return;
  if (buckets.length !== engine.models.length)
    refuse('buckets', `are ${buckets.length}, the models ${engine.models.length}`);
  const masks = ofRole(examples.fields, 'mask');
  const odd = masks.findIndex(({ shape }) => shape.length !== 1);
  if (odd >= 0) refuse('examples.fields', `${masks[odd].name} is no mask of sequences`);
  const longest = Math.max(...masks.map(({ shape: [places] }) => places));
  const isAscending = buckets.every((places, i) => i === 0 || places > buckets[i - 1]);
  if (!isAscending || buckets.at(-1)! > longest)
    refuse('buckets', `do not ascend to ${longest} at most, the longest sequence`);
}

function checkModel(job: Job, model: CompiledModel, at: string): void {
  for (const size of shardSizes(job.geometry)) {
    if (!model.gradients.has(size)) refuse(`${at}.gradients`, `there is no graph for shards of ${size}`);
  }
  for (const [count, graph] of model.gradients) checkGradients(model, count, graph, `${at}.gradients.${count}`);
  for (const [count, graph] of model.evaluations)
    checkEvaluation(job, model, count, graph, `${at}.evaluations.${count}`);
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
    if (size !== tensor.size) refuse(`layout.tensors.${i}.size`, `is ${size}, and its shape has ${tensor.size}`);
    if (offset !== tensor.offset) refuse(`layout.tensors.${i}.offset`, `is ${offset}, and not ${tensor.offset}`);
  });
  const ends = { trainable, state, length };
  for (const [name, end] of Object.entries(ends)) {
    const fits = expected[name as keyof typeof ends];
    if (end !== fits) refuse(`layout.${name}`, `is ${end}, and the tensors end at ${fits}`);
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
  const { fields } = examples;
  const targets = ofRole(fields, 'target');
  if (metrics.length !== targets.length) refuse('metrics', `are of ${metrics.length} outputs, not ${targets.length}`);
  fields.forEach((field, i) => {
    if (field.role === 'weight' && field.type !== 'float32')
      refuse(`examples.fields.${i}.type`, 'is not that of weights');
  });
  metrics.forEach((head, i) => {
    checkHead(head, targets[i], fields, `metrics.${i}`);
  });
}

function checkHead(head: HeadMetrics, target: Field, fields: readonly Field[], at: string): void {
  const { shape, categories, name } = target;
  const size = elements(shape);
  if (head.target !== name) refuse(`${at}.target`, `is not ${name}`);
  if (head.classes !== (categories !== undefined)) refuse(`${at}.classes`, 'is not what the examples say');
  if (categories !== undefined && head.places !== size) refuse(`${at}.places`, `is not ${size}`);
  // Metrics read as many numbers as there are.
  const fit = categories !== undefined || head.places * head.outputs === size;
  if (!fit) refuse(`${at}.places`, `and outputs are not the ${size} numbers of a target`);
  const { deviations } = head;
  if (deviations && (categories !== undefined || head.outputs % deviations.length !== 0))
    refuse(`${at}.deviations`, `are ${deviations.length}, not those of the targets`);
  if (head.weighted !== weighsPlaces(fields, target)) refuse(`${at}.weighted`, 'is not what the examples say');
  const weights = weightsOf(fields, target);
  if (weights && weights.shape.length > 0 && widthOf(weights) !== head.places)
    refuse(`examples.fields.${fields.indexOf(weights)}.shape`, `is not of ${head.places} places`);
}

/** What a step on `count` examples is given, by name. */
function givenTensors(
  { fields, layout }: CompiledModel,
  count: number,
  { noise }: CompiledGraph,
): Map<string, OnnxValue> {
  const values: OnnxValue[] = [
    ...fields.map((field) => ({ name: graphInputName(field), type: field.type, shape: [count, ...field.shape] })),
    ...layout.tensors.map(({ shape }, i) => ({ name: parameterName(i), type: 'float32', shape }) as const),
    ...noise.map(({ shape }, i) => ({ name: noiseName(i), type: 'float32', shape }) as const),
  ];
  return new Map(values.map((value) => [value.name, value]));
}

function checkGradients(model: CompiledModel, count: number, graph: CompiledGraph, field: string): void {
  const made = checkGraph(model, count, graph, field);
  const { tensors, state } = model.layout;
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

function checkEvaluation(job: Job, model: CompiledModel, count: number, graph: CompiledGraph, field: string): void {
  const made = checkGraph(model, count, graph, field);
  const whole = ofRole(job.examples.fields, 'target');
  ofRole(model.fields, 'target').forEach((target, i) => {
    const { outputs, metrics } = job.metrics[i];
    // Of sequences that are cut there are fewer.
    const places = (job.metrics[i].places * widthOf(target)) / widthOf(whole[i]);
    const names = headNames(target);
    checkResult(made, names.outputs, count * places * outputs, field);
    checkResult(made, names.losses, count, field);
    const customs = metrics.filter((metric) => typeof metric === 'object' && 'custom' in metric).length;
    for (let place = 0; place < customs; place++) {
      const name = names.metric(place);
      const byPlace = elements(made.get(name)?.shape ?? []) === count * places;
      checkResult(made, name, byPlace ? count * places : count, field);
    }
    if (made.has(names.divisor)) checkResult(made, names.divisor, 1, field);
    if (made.has(names.valid)) checkResult(made, names.valid, count * places, field);
    const beyond = names.metric(customs);
    if (made.has(beyond)) refuse(`${field}.written`, `${beyond} is of no metric of the job`);
  });
  if (made.has(gradientName(0))) refuse(`${field}.written`, 'an evaluation has no gradients');
}

function checkResult(made: ReadonlyMap<string, OnnxValue>, name: string, length: number, field: string): void {
  const value = made.get(name) ?? refuse(`${field}.written`, `${name} is missing`);
  if (value.type === 'float32' && elements(value.shape) === length) return;
  refuse(`${field}.written`, `${name} is ${value.type} [${value.shape.join(', ')}], not ${length} float32 numbers`);
}

/** Follows the tensors from subgraph to subgraph. @returns the tensors that they write */
function checkGraph(model: CompiledModel, count: number, graph: CompiledGraph, field: string): Map<string, OnnxValue> {
  const given = givenTensors(model, count, graph);
  const declared = new Map(graph.written.map((value) => [value.name, value]));
  if (declared.size !== graph.written.length) refuse(`${field}.written`, 'has a name twice');
  const bytes = [...given.values(), ...declared.values()].reduce((sum, { shape }) => sum + elements(shape) * 4, 0);
  if (bytes > mostBytes) refuse(field, `its tensors take ${bytes} bytes`);
  const made = new Map<string, OnnxValue>();
  graph.subgraphs.forEach((subgraph, i) => {
    const at = `${field}.subgraphs.${i}`;
    const outputs =
      subgraph.kind === 'session' ? checkSession(subgraph, given, made, at) : checkKernel(subgraph, made, declared, at);
    for (const value of outputs) {
      const wanted = declared.get(value.name);
      if (!wanted || wanted.type !== value.type || !same(wanted.shape, value.shape)) {
        refuse(at, `writes ${value.name} as ${value.type} [${value.shape.join(', ')}], which is not declared`);
      }
      if (made.has(value.name) || given.has(value.name)) refuse(at, `writes ${value.name}, which is there already`);
      made.set(value.name, value);
    }
  });
  if (made.size !== declared.size) refuse(`${field}.written`, 'names a tensor that no subgraph writes');
  return made;
}

type KnownValues = ReadonlyMap<string, OnnxValue>;

function checkSession(
  subgraph: Extract<Subgraph, { kind: 'session' }>,
  given: KnownValues,
  made: KnownValues,
  at: string,
) {
  const { inputs, outputs } = inspectModel(subgraph.bytes);
  const names = (values: readonly OnnxValue[]) => values.map(({ name }) => name);
  if (!same(names(inputs), subgraph.inputs)) refuse(`${at}.inputs`, 'are not those of the model');
  if (!same(names(outputs), subgraph.outputs)) refuse(`${at}.outputs`, 'are not those of the model');
  for (const { name, type, shape } of inputs) {
    const value = made.get(name) ?? given.get(name) ?? refuse(`${at}.inputs`, `${name} is not there yet`);
    if (value.type !== type || !same(value.shape, shape)) {
      refuse(`${at}.inputs`, `${name} is ${value.type} [${value.shape.join(', ')}], not ${type} [${shape.join(', ')}]`);
    }
  }
  return outputs;
}

/**
 * Kernels work on addresses in the memory of what subgraphs write, where gradients are not: a tensor from elsewhere, or a size
 * that does not fit, would have them read and write over others.
 */
function checkKernel(
  subgraph: Extract<Subgraph, { kind: 'kernel' }>,
  made: KnownValues,
  declared: KnownValues,
  at: string,
) {
  const [planes, h, w, outH, outW, kernelH, kernelW, strideH, strideW, top, left, positive] = subgraph.numbers;
  const [input, output] = [planes * h * w, planes * outH * outW];
  const checkSize = (where: string, name: string, value: OnnxValue | undefined, length: number): OnnxValue => {
    if (!value || inSlab.test(name)) return refuse(where, `${name} is not among what subgraphs write`);
    if (value.type === 'float32' && elements(value.shape) === length) return value;
    return refuse(where, `${name} has not the ${length} numbers that the kernel works on`);
  };
  subgraph.inputs.forEach((name, i) => {
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
  return [checkSize(`${at}.output`, subgraph.output, declared.get(subgraph.output), input)];
}

/** Names of tensors that the engine puts into the slab of gradients. */
const inSlab = new RegExp(`^${gradientName(0).slice(0, -1)}\\d+$`);
