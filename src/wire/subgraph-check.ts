/** Whether the subgraphs of a job work on what is there: what a hostile or broken coordinator could get wrong, a worker must not run into. */
import { inspectModel } from '../engine/onnx/inspect.js';
import { kernelCallSizes } from '../engine/onnx/kernel-calls.js';
import { gradientName } from '../engine/onnx/names.js';
import type { OnnxValue } from '../engine/onnx/proto.js';
import { isInside, type LoopPart, type LoopView } from '../engine/onnx/step-loop.js';
import type { Subgraph } from '../engine/onnx/subgraphs.js';
import { WireError } from '../errors.js';
import { elements } from '../ground/elements.js';

export const refuseJob = (field: string, problem: string): never => {
  throw new WireError(`job.${field}: ${problem}`, 'run the same version of lockstep on both sides');
};

export const same = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);

type KnownValues = ReadonlyMap<string, OnnxValue>;

/** @returns what a subgraph writes */
export function checkSubgraph(
  subgraph: Subgraph,
  given: KnownValues,
  made: KnownValues,
  declared: KnownValues,
  at: string,
) {
  if (subgraph.kind === 'session') return checkSession(subgraph, given, made, at);
  return subgraph.kind === 'loop' ? checkLoop(subgraph, made, declared, at) : checkKernel(subgraph, made, declared, at);
}

function checkSession(
  subgraph: Extract<Subgraph, { kind: 'session' }>,
  given: KnownValues,
  made: KnownValues,
  at: string,
) {
  const { inputs, outputs } = inspectModel(subgraph.bytes);
  const names = (values: readonly OnnxValue[]) => values.map(({ name }) => name);
  if (!same(names(inputs), subgraph.inputs)) refuseJob(`${at}.inputs`, 'are not those of the model');
  if (!same(names(outputs), subgraph.outputs)) refuseJob(`${at}.outputs`, 'are not those of the model');
  for (const { name, type, shape } of inputs) {
    const value = made.get(name) ?? given.get(name) ?? refuseJob(`${at}.inputs`, `${name} is not there yet`);
    if (value.type !== type || !same(value.shape, shape)) {
      refuseJob(
        `${at}.inputs`,
        `${name} is ${value.type} [${value.shape.join(', ')}], not ${type} [${shape.join(', ')}]`,
      );
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
  const sizes = kernelCallSizes(subgraph.kernel, subgraph.numbers);
  if (typeof sizes === 'string') return refuseJob(`${at}.numbers`, sizes);
  const checked = (where: 'inputs' | 'outputs', known: KnownValues): OnnxValue[] => {
    if (subgraph[where].length !== sizes[where].length) refuseJob(`${at}.${where}`, `are not ${sizes[where].length}`);
    return subgraph[where].map((name, i) => {
      const value = inSlab.test(name) ? undefined : known.get(name);
      if (!value) return refuseJob(`${at}.${where}`, `${name} is not among what subgraphs write`);
      const length = sizes[where][i];
      if (value.type === 'float32' && elements(value.shape) === length) return value;
      return refuseJob(`${at}.${where}`, `${name} has not the ${length} numbers that the kernel works on`);
    });
  };
  checked('inputs', made);
  return checked('outputs', declared);
}

/** Loops, too, work in that memory alone, and inside the tensors that they name, whichever step it is. */
function checkLoop(
  { inputs, outputs, begins, parts }: Extract<Subgraph, { kind: 'loop' }>,
  made: KnownValues,
  declared: KnownValues,
  at: string,
): OnnxValue[] {
  const tensorOf = (name: string, known: KnownValues, field: string): OnnxValue => {
    const value = inSlab.test(name) ? undefined : known.get(name);
    return value?.type === 'float32' ? value : refuseJob(`${at}.${field}`, `${name} is not among what subgraphs write`);
  };
  const written = outputs.map((name) => tensorOf(name, declared, 'outputs'));
  const read = new Map([...inputs.map((name) => tensorOf(name, made, 'inputs')), ...written].map((v) => [v.name, v]));
  const own = new Map(written.map((value) => [value.name, value]));
  const checkView = (view: LoopView, known: KnownValues, field: string) => {
    if (isInside(view, elements(tensorOf(view.tensor, known, field).shape))) return;
    refuseJob(`${at}.${field}`, `are beyond ${view.tensor}`);
  };
  for (const { view, from } of begins) {
    checkView(view, own, 'begins');
    if (from === undefined || elements(tensorOf(from, read, 'begins').shape) === elements(view.shape)) continue;
    refuseJob(`${at}.begins`, `${from} does not fit`);
  }
  parts.forEach((part, i) => {
    if (part.kind === 'kernel') {
      checkGates(part, `${at}.parts.${i}`);
      part.views.forEach((view, j) => {
        checkView(view, j < 8 ? read : own, `parts.${i}.views`);
      });
      return;
    }
    const ports = inspectModel(part.bytes);
    for (const kind of ['inputs', 'outputs'] as const) {
      const field = `parts.${i}.${kind}`;
      if (part[kind].length !== ports[kind].length) refuseJob(`${at}.${field}`, 'are not those of the model');
      part[kind].forEach(([name, view], j) => {
        const port = ports[kind][j];
        const fits = port.name === name && port.type === 'float32' && same(port.shape, view.shape);
        if (!fits) refuseJob(`${at}.${field}`, 'are not those of the model');
        checkView(view, kind === 'inputs' ? read : own, field);
      });
    }
  });
  return written;
}

/** The sizes by which the kernel goes over its views. */
function checkGates({ views, numbers }: Extract<LoopPart, { kind: 'kernel' }>, at: string): void {
  const [units, batch, stride, hard, hasLater] = numbers;
  const state = units * batch;
  const sizes = [...Array<number>(9).fill(state), 4 * state, (4 * units - 1) * stride + batch];
  const fits = units >= 1 && batch >= 1 && stride >= batch && Math.max(hard, hasLater) <= 1;
  if (!fits || views.some(({ shape }, i) => elements(shape) !== sizes[i]))
    refuseJob(`${at}.numbers`, 'do not fit its views');
}

/** Names of tensors that the engine puts into the slab of gradients. */
const inSlab = new RegExp(`^${gradientName(0).slice(0, -1)}\\d+$`);
