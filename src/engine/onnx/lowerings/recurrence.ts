/**
 * Lowerings of recurrent layers: loops over the steps of a sequence, there and back. All is [units, batch] inside: so the left
 * factors of a step's products are the weights, which ONNX Runtime reads where they are, and it packs but the small state.
 */
import { type GraphBuilder, kernelDomain } from '../graph.js';
import { eachSlot, inEveryStep, type Loop, type LoopPart, type LoopView } from '../step-loop.js';
import type { StoredValue } from '../storage.js';
import { LoopStep } from './loop-step.js';
import type { KernelCall, Lowering, Lowerings } from './lowering.js';
import { seenAs } from './pieces.js';
import { cells, type RecurrentCell } from './recurrent-cells.js';

const loopOperator = 'loop';
const isZero = ({ storage }: StoredValue): boolean => storage.splat === 0;
const stateNames = ['h', 'c'] as const;

/** Appends a loop; what it reads and writes goes by names of its own. */
function looped(
  graph: GraphBuilder,
  reads: Readonly<Record<string, string | undefined>>,
  writes: Readonly<Record<string, readonly number[]>>,
  steps: number,
  body: (name: (key: string) => string) => Pick<Loop, 'parts' | 'begins'>,
): Record<string, string> {
  const given = Object.entries(reads).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const keys = Object.keys(writes);
  const inputs = given.map(([, name]) => graph.written(name));
  const outputs = graph.nodes(loopOperator, inputs, keys.length, {}, kernelDomain, (results) => {
    const names = new Map<string, string>([
      ...given.map(([key], i): [string, string] => [key, inputs[i]!]),
      ...keys.map((key, i): [string, string] => [key, results[i]!]),
    ]);
    return { steps, ...body((key) => names.get(key)!) };
  });
  keys.forEach((key, i) => {
    graph.value(outputs[i]!, writes[key]!);
  });
  return Object.fromEntries(keys.map((key, i) => [key, outputs[i]!]));
}

/** One slot of a tensor [slots, ...]. */
const slot = (graph: GraphBuilder, name: string, index: number, shape: readonly number[]): StoredValue => {
  const made = graph.node('Slice', [name, graph.int64([index]), graph.int64([index + 1]), graph.int64([0])]);
  return { storage: graph.value(made, [1, ...shape]).storage, shape };
};

/** A step as its mask has it: what is new where it counts, what was before elsewhere. */
const masked = (step: LoopStep, mask: string | undefined, next: string, before: string): string =>
  mask === undefined ? next : step.add(step.mul(next, mask), step.mul(before, step.rest(mask)));

/** What lowerings of both ways know of a call. */
function recurrence(cell: RecurrentCell, call: KernelCall) {
  const units = call.input('recurrentKernel').shape[0]!;
  const flag = (name: string) => call.attribute<boolean>(name);
  const names = stateNames.slice(0, cell.states);
  return {
    units,
    names,
    isMasked: flag('isMasked'),
    isDropped: flag('isDropped'),
    kept: [...cell.kept, ...(flag('isDropped') ? ['dropped'] : [])],
    activations: { gate: call.attribute<string>('gate'), activation: call.attribute<string>('activation') },
    /** Tensors that are there only where a flag says so. */
    given: (graph: GraphBuilder) => ({
      mask: flag('isMasked') ? graph.rows(call.input('mask')) : undefined,
      drop: flag('isDropped') ? graph.rows(call.input('drop')) : undefined,
    }),
  };
}

/** Where a loop finds its tensors. */
type Named = (key: string) => string;

/** Where the slots of states are read and written, and what is there before the first step. */
const stateViews = (named: Named, names: readonly string[], slots: readonly number[], state: readonly number[]) =>
  names.map((name, i) => {
    const [before, after] = [0, 1].map((first) => eachSlot(named(name), slots[i]!, state, first)) as [
      LoopView,
      LoopView,
    ];
    return { before, after };
  });
/** @param values those that are not zeros go by the names of the states and a zero */
const beginsOf = (
  named: Named,
  names: readonly string[],
  views: readonly { before: LoopView }[],
  values: StoredValue[],
) =>
  views.map(({ before }, i) => (isZero(values[i]!) ? { view: before } : { view: before, from: named(`${names[i]}0`) }));
const startsOf = (graph: GraphBuilder, names: readonly string[], values: readonly StoredValue[]) =>
  Object.fromEntries(names.map((name, i) => [`${name}0`, isZero(values[i]!) ? undefined : graph.rows(values[i]!)]));

const forward =
  (cell: RecurrentCell): Lowering =>
  (graph, call) => {
    const { units, names, isMasked, isDropped, kept: all, activations, given } = recurrence(cell, call);
    const [steps, width, batch] = call.input('x').shape as [number, number, number];
    const state = [units, batch];
    const [hasBias, keeps] = [call.attribute<boolean>('hasBias'), call.attribute<boolean>('keeps')];
    const kept = keeps ? all : [];
    // Only the way back, and who wants all steps, needs more of a state than the one before.
    const slots = names.map((_, i) => (keeps || i === 0 ? steps + 1 : 2));
    const starts = names.map((name) => call.input(name));
    const reads = {
      x: graph.rows(call.input('x')),
      weights: graph.columns(call.input('kernel')),
      recurrent: graph.columns(call.input('recurrentKernel')),
      bias: hasBias ? graph.rows(call.input('bias'), [cell.gates * units, 1]) : undefined,
      ...given(graph),
      ...startsOf(graph, names, starts),
    };
    const sequence = [steps, ...state];
    const writes = {
      ...Object.fromEntries(names.map((name, i) => [name, [slots[i]!, ...state]])),
      ...Object.fromEntries(kept.map((name) => [name, sequence])),
    };
    const made = looped(graph, reads, writes, steps, (named) => {
      const step = new LoopStep();
      const views = stateViews(named, names, slots, state);
      const before = views.map((view) => step.read(view.before)) as [string, ...string[]];
      const keep = (key: string, value: string) => {
        if (kept.includes(key)) step.write(value, eachSlot(named(key), steps, state));
      };
      const mask = isMasked ? step.read(eachSlot(named('mask'), steps, [1, batch])) : undefined;
      const dropped = isDropped ? step.mul(before[0], step.read(inEveryStep(named('drop'), state))) : before[0];
      keep('dropped', dropped);
      const input = step.read(eachSlot(named('x'), steps, [width, batch]));
      const sums = (from: number, count: number, of: string) => {
        const rows = (key: string, columns: number) =>
          step.read({ ...inEveryStep(named(key), [count * units, columns]), at: from * units * columns });
        const ofInput = [rows('weights', width), input, ...(hasBias ? [rows('bias', 1)] : [])];
        return step.node('Gemm', [rows('recurrent', units), of, step.node('Gemm', ofInput)]);
      };
      const next = cell.forward({ step, states: [dropped, ...before.slice(1)], sums, keep, ...activations });
      next.forEach((value, i) => {
        step.write(masked(step, mask, value, before[i]!), views[i]!.after);
      });
      return { parts: [step.session()], begins: beginsOf(named, names, views, starts) };
    });
    const shown = graph.node('Slice', [made.h!, graph.int64([1]), graph.int64([steps + 1]), graph.int64([0])]);
    return [
      graph.value(shown, sequence),
      ...names.map((name, i) => slot(graph, made[name]!, steps % slots[i]!, state)),
      ...(keeps ? names.map((name, i) => graph.value(made[name]!, [slots[i]!, ...state])) : []),
      ...kept.map((name) => graph.value(made[name]!, sequence)),
    ];
  };

/** The gradients of a call: what its loop reads, and in which steps. */
function backwardPieces(cell: RecurrentCell, graph: GraphBuilder, call: KernelCall) {
  const known = recurrence(cell, call);
  const { units, names: states, kept } = known;
  const [slots, , batch] = call.input('h').shape as [number, number, number];
  const steps = slots - 1;
  const state = [units, batch];
  const names = states.map((name) => `d_${name}`);
  const ends = names.map((name) => call.input(name));
  const later = call.input('dSequence');
  const recurrent = call.input('recurrentKernel');
  const reads = {
    later: isZero(later) ? undefined : graph.rows(later),
    ...known.given(graph),
    ...Object.fromEntries([...states, ...kept].map((name) => [name, graph.rows(call.input(name))])),
    ...startsOf(graph, names, ends),
    ...Object.fromEntries(
      cell.sums.map(([from, count]) => [`recurrent${from}`, columnsOf(graph, recurrent, units, from, count)]),
    ),
  };
  /** Of a tensor of all steps, from the last back. */
  const back = (named: Named, key: string, shape: readonly number[] = state, count = steps) =>
    eachSlot(named(key), count, shape, steps - 1, -1);
  return { ...known, states, names, steps, slots, batch, state, ends, hasLater: !isZero(later), reads, back };
}
type BackwardPieces = ReturnType<typeof backwardPieces>;

/** Gradients of the gates' sums, [gates * units, steps * batch], and of the states before the first step, by operators alone. */
function byOperators(cell: RecurrentCell, graph: GraphBuilder, pieces: BackwardPieces): StoredValue[] {
  const { units, states, names, steps, slots, batch, state, ends, hasLater, reads, back, isMasked, isDropped } = pieces;
  const sumsShape = [cell.gates * units, batch];
  const writes = { sums: [steps, ...sumsShape], ...Object.fromEntries(names.map((name) => [name, [2, ...state]])) };
  const made = looped(graph, reads, writes, steps, (named) => {
    const step = new LoopStep();
    const kept = (key: string) => step.read(back(named, key));
    const mask = isMasked ? step.read(back(named, 'mask', [1, batch])) : undefined;
    const views = stateViews(named, names, Array(states.length).fill(2), state);
    const totals = views.map((view) => step.read(view.before));
    if (hasLater) totals[0] = step.add(totals[0]!, kept('later'));
    const slopes = totals.map((total) => (mask ? step.mul(total, mask) : total));
    const passed = totals.map((total) => mask && step.mul(total, step.rest(mask)));
    const stateOf = (from: number, count: number, sums: string, more?: string) => {
      const factor = step.read(inEveryStep(named(`recurrent${from}`), [units, count * units]));
      return step.node('Gemm', [factor, sums, ...(more ? [more] : [])]);
    };
    const before = (i: number) =>
      i === 0 && isDropped ? kept('dropped') : step.read(back(named, states[i]!, state, slots));
    const { sums, states: gradients } = cell.backward({ step, slopes, kept, before, stateOf, ...pieces.activations });
    if (isDropped) gradients[0] = step.mul(gradients[0]!, step.read(inEveryStep(named('drop'), state)));
    step.write(sums, back(named, 'sums', sumsShape));
    gradients.forEach((value, i) => {
      step.write(passed[i] ? step.add(value, passed[i]) : value, views[i]!.after);
    });
    return { parts: [step.session()], begins: beginsOf(named, names, views, ends) };
  });
  const rows = graph.node('Transpose', [made.sums!], { perm: [1, 0, 2] });
  return [
    seenAs(graph.value(rows, [cell.gates * units, steps, batch]), [cell.gates * units, steps * batch]),
    ...names.map((name) => slot(graph, made[name]!, steps % 2, state)),
  ];
}

/** The same of an LSTM whose gates are the usual ones, with a kernel for what is no product. */
function byKernel(graph: GraphBuilder, pieces: BackwardPieces): StoredValue[] {
  const { units, names, steps, slots, batch, state, ends, hasLater, reads, back, isDropped, activations } = pieces;
  const rowsShape = [4 * units, steps * batch];
  const sumsShape = [4 * units, batch];
  const writes = { d_h: state, d_c: state, sums: sumsShape, rows: rowsShape };
  const made = looped(graph, reads, writes, steps, (named) => {
    const [dh, dc] = names.map((name) => inEveryStep(named(name), state)) as [LoopView, LoopView];
    const sums = inEveryStep(named('sums'), sumsShape);
    const stride = steps * batch;
    // Its row of each sum is as long as all steps, and those of a step lie next to each other in it.
    const rows = { ...back(named, 'rows', [(4 * units - 1) * stride + batch]), stride: batch };
    const step = new LoopStep();
    const product = step.node('Gemm', [
      step.read(inEveryStep(named('recurrent0'), [units, 4 * units])),
      step.read(sums),
    ]);
    const before = isDropped ? step.mul(product, step.read(inEveryStep(named('drop'), state))) : product;
    step.write(before, dh);
    const values = ['input', 'forget', 'candidate', 'output', 'shown'].map((key) => back(named, key));
    const gates: LoopPart = {
      kind: 'kernel',
      kernel: 'lstmGates',
      views: [...values, back(named, 'c', state, slots), dh, hasLater ? back(named, 'later') : dh, dc, sums, rows],
      numbers: [units, batch, stride, Number(activations.gate === 'hardSigmoid'), Number(hasLater)],
    };
    const views = [{ before: dh }, { before: dc }];
    return { parts: [gates, step.session()], begins: beginsOf(named, names, views, ends) };
  });
  return [graph.value(made.rows!, rowsShape), ...names.map((name) => graph.value(made[name]!, state))];
}

const backward =
  (cell: RecurrentCell): Lowering =>
  (graph, call) => {
    const pieces = backwardPieces(cell, graph, call);
    const { gate, activation } = pieces.activations;
    const isUsual = activation === 'tanh' && ['sigmoid', 'hardSigmoid'].includes(gate);
    return cell === cells.Lstm && isUsual && !pieces.isMasked
      ? byKernel(graph, pieces)
      : byOperators(cell, graph, pieces);
  };

/** Name of the columns of a matrix that belong to gates. */
function columnsOf(graph: GraphBuilder, { storage, shape }: StoredValue, units: number, from: number, count: number) {
  const name = graph.rows({ storage, shape });
  if (count * units === shape[1]) return name;
  const ends = [from, from + count].map((gate) => graph.int64([gate * units])) as [string, string];
  const made = graph.node('Slice', [name, ...ends, graph.int64([1])]);
  return graph.rows(graph.value(made, [shape[0]!, count * units]));
}

export const recurrenceLowerings: Lowerings = Object.fromEntries(
  Object.entries(cells).flatMap(([name, cell]) => [
    [`${name}Steps`, forward(cell)],
    [`${name}StepsGrad`, backward(cell)],
  ]),
);
