/** Whether the parts of a job fit together: what a hostile or broken coordinator could get wrong, a worker must not run into. */
import { pictureIn } from '../data/augment/moved.js';
import { type Field, ofRole, weighsPlaces, weightsOf, widthOf } from '../data/field.js';
import { type Geometry, shardSizes, stepsOf } from '../data/geometry.js';
import type { CompiledGraph } from '../engine/onnx/compile.js';
import {
  divisorName,
  gradientName,
  graphInputName,
  headNames,
  inverseScaleName,
  lossScaleName,
  noiseName,
  parameterName,
} from '../engine/onnx/names.js';
import type { CompiledModel } from '../engine/onnx/onnx-engine.js';
import type { OnnxValue } from '../engine/onnx/proto.js';
import type { HeadMetrics } from '../evaluate/run-metrics.js';
import { elements } from '../ground/elements.js';
import { type SlabLayout, slabLayout } from '../model/slab.js';
import type { Job } from './job.js';
import { checkSubgraph, refuseJob, same } from './subgraph-check.js';

/** Bytes of all tensors of one graph: more does not fit into the memory that they share. */
const mostBytes = 2 ** 32;

/** @throws WireError naming the first field that does not fit the others */
export function checkJob(job: Job): void {
  const { geometry, local, examples, engine, augment, largestEvaluation } = job;
  const { models } = engine;
  checkLayout(models[0].layout);
  checkBuckets(job);
  checkGeometry(geometry, examples.count);
  if (local && geometry.shards % local.replicas !== 0)
    refuseJob('local.replicas', `does not divide the ${geometry.shards} shards`);
  checkMetrics(job);
  if (augment && !pictureIn(examples.fields)) refuseJob('augment', 'the examples are no images');
  if (largestEvaluation > examples.count) refuseJob('largestEvaluation', `there are ${examples.count} examples`);
  models.forEach((model, i) => {
    checkModel(job, model, `models.${i}`);
  });
}

/** Each bucket has a model of its own, and none is longer than the examples. */
function checkBuckets({ buckets, engine, examples }: Job): void {
  if (buckets.length === 0 && engine.models.length === 1) return;
  if (buckets.length !== engine.models.length)
    refuseJob('buckets', `are ${buckets.length}, the models ${engine.models.length}`);
  const masks = ofRole(examples.fields, 'mask');
  const odd = masks.findIndex(({ shape }) => shape.length !== 1);
  if (odd >= 0) refuseJob('examples.fields', `${masks[odd].name} is no mask of sequences`);
  const longest = Math.max(...masks.map(({ shape: [places] }) => places));
  const isAscending = buckets.every((places, i) => i === 0 || places > buckets[i - 1]);
  if (!isAscending || buckets.at(-1)! > longest)
    refuseJob('buckets', `do not ascend to ${longest} at most, the longest sequence`);
}

function checkModel(job: Job, model: CompiledModel, at: string): void {
  for (const size of shardSizes(job.geometry)) {
    if (!model.gradients.has(size)) refuseJob(`${at}.gradients`, `there is no graph for shards of ${size}`);
  }
  for (const [count, graph] of model.gradients)
    for (const [form, field] of checkedForms(graph, `${at}.gradients.${count}`))
      checkGradients(model, count, form, field);
  for (const [count, graph] of model.evaluations)
    for (const [form, field] of checkedForms(graph, `${at}.evaluations.${count}`))
      checkEvaluation(job, model, count, form, field);
}

/** A graph, and that for devices where there is one, with their fields. */
function checkedForms({ device, ...graph }: CompiledGraph, field: string): [CompiledGraph, string][] {
  return [[graph, field], ...(device ? [[{ ...graph, ...device }, `${field}.device`] as [CompiledGraph, string]] : [])];
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
    if (size !== tensor.size) refuseJob(`layout.tensors.${i}.size`, `is ${size}, and its shape has ${tensor.size}`);
    if (offset !== tensor.offset) refuseJob(`layout.tensors.${i}.offset`, `is ${offset}, and not ${tensor.offset}`);
  });
  const ends = { trainable, state, length };
  for (const [name, end] of Object.entries(ends)) {
    const fits = expected[name as keyof typeof ends];
    if (end !== fits) refuseJob(`layout.${name}`, `is ${end}, and the tensors end at ${fits}`);
  }
}

function checkGeometry({ training, batchSize, shards, stepsPerEpoch }: Geometry, examples: number): void {
  if (training > examples) refuseJob('geometry.training', `there are ${examples} examples`);
  if (batchSize > training) refuseJob('geometry.batchSize', `is more than the training split of ${training}`);
  if (batchSize % shards !== 0) refuseJob('geometry.shards', `does not divide the batch size ${batchSize}`);
  const steps = stepsOf({ training, batchSize });
  if (stepsPerEpoch !== steps) refuseJob('geometry.stepsPerEpoch', `is not ${steps}`);
}

function checkMetrics({ examples, metrics }: Job): void {
  const { fields } = examples;
  const targets = ofRole(fields, 'target');
  if (metrics.length !== targets.length)
    refuseJob('metrics', `are of ${metrics.length} outputs, not ${targets.length}`);
  fields.forEach((field, i) => {
    if (field.role === 'weight' && field.type !== 'float32')
      refuseJob(`examples.fields.${i}.type`, 'is not that of weights');
  });
  metrics.forEach((head, i) => {
    checkHead(head, targets[i], fields, `metrics.${i}`);
  });
}

function checkHead(head: HeadMetrics, target: Field, fields: readonly Field[], at: string): void {
  const { shape, categories, name } = target;
  const size = elements(shape);
  if (head.target !== name) refuseJob(`${at}.target`, `is not ${name}`);
  if (head.classes !== (categories !== undefined)) refuseJob(`${at}.classes`, 'is not what the examples say');
  if (categories !== undefined && head.places !== size) refuseJob(`${at}.places`, `is not ${size}`);
  // Metrics read as many numbers as there are.
  const fit = categories !== undefined || head.places * head.outputs === size;
  if (!fit) refuseJob(`${at}.places`, `and outputs are not the ${size} numbers of a target`);
  const { deviations } = head;
  if (deviations && (categories !== undefined || head.outputs % deviations.length !== 0))
    refuseJob(`${at}.deviations`, `are ${deviations.length}, not those of the targets`);
  if (head.weighted !== weighsPlaces(fields, target)) refuseJob(`${at}.weighted`, 'is not what the examples say');
  const weights = weightsOf(fields, target);
  if (weights && weights.shape.length > 0 && widthOf(weights) !== head.places)
    refuseJob(`examples.fields.${fields.indexOf(weights)}.shape`, `is not of ${head.places} places`);
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
    ...[lossScaleName, inverseScaleName].map((name) => ({ name, type: 'float32', shape: [] }) as const),
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
  if (beyond >= 0) refuseJob(`${field}.written`, `${gradientName(beyond)} is of a tensor that does not change`);
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
    if (made.has(beyond)) refuseJob(`${field}.written`, `${beyond} is of no metric of the job`);
  });
  if (made.has(gradientName(0))) refuseJob(`${field}.written`, 'an evaluation has no gradients');
}

function checkResult(made: ReadonlyMap<string, OnnxValue>, name: string, length: number, field: string): void {
  const value = made.get(name) ?? refuseJob(`${field}.written`, `${name} is missing`);
  if (value.type === 'float32' && elements(value.shape) === length) return;
  refuseJob(`${field}.written`, `${name} is ${value.type} [${value.shape.join(', ')}], not ${length} float32 numbers`);
}

/** Follows the tensors from subgraph to subgraph. @returns the tensors that they write */
function checkGraph(model: CompiledModel, count: number, graph: CompiledGraph, field: string): Map<string, OnnxValue> {
  const given = givenTensors(model, count, graph);
  const declared = new Map(graph.written.map((value) => [value.name, value]));
  if (declared.size !== graph.written.length) refuseJob(`${field}.written`, 'has a name twice');
  const bytes = [...given.values(), ...declared.values()].reduce((sum, { shape }) => sum + elements(shape) * 4, 0);
  if (bytes > mostBytes) refuseJob(field, `its tensors take ${bytes} bytes`);
  const made = new Map<string, OnnxValue>();
  graph.subgraphs.forEach((subgraph, i) => {
    const at = `${field}.subgraphs.${i}`;
    const outputs = checkSubgraph(subgraph, given, made, declared, at);
    for (const value of outputs) {
      const wanted = declared.get(value.name);
      if (!wanted || wanted.type !== value.type || !same(wanted.shape, value.shape)) {
        refuseJob(at, `writes ${value.name} as ${value.type} [${value.shape.join(', ')}], which is not declared`);
      }
      if (made.has(value.name) || given.has(value.name)) refuseJob(at, `writes ${value.name}, which is there already`);
      made.set(value.name, value);
    }
  });
  if (made.size !== declared.size) refuseJob(`${field}.written`, 'names a tensor that no subgraph writes');
  return made;
}
