/** Loops of recurrent layers over the steps of a sequence from the last back. */

import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import { eachSlot, inEveryStep, type LoopView } from '../step-loop.js';
import type { StoredValue } from '../storage.js';
import { LoopStep, type TracedPart } from './loop-step.js';
import type { KernelCall, Lowering } from './lowering.js';
import { seenAs } from './pieces.js';
import { beginsOf, cutOut, isZero, looped, type Named, recurrence, startsOf, stateViews } from './recurrence-parts.js';
import { cells, type RecurrentCell } from './recurrent-cells.js';

/** The gradients of a call: what its loop reads, and in which steps. */
function backwardPieces(cell: RecurrentCell, graph: GraphBuilder, call: KernelCall) {
  const known = recurrence(cell, call);
  const { units, names: states, kept } = known;
  const [slots, rows, batch] = call.input('h').shape as [number, number, number];
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
  /** A state before each step. */
  const backOf = (named: Named, name: string) => ({
    ...back(named, name, state, slots),
    stride: name === 'h' ? rows * batch : elements(state),
  });
  return { ...known, states, names, steps, batch, state, ends, hasLater: !isZero(later), reads, back, backOf };
}
type BackwardPieces = ReturnType<typeof backwardPieces>;

/** Gradients of the gates' sums, [gates * units, steps * batch], and of the states before the first step, by operators alone. */
function byOperators(cell: RecurrentCell, graph: GraphBuilder, pieces: BackwardPieces): StoredValue[] {
  const { units, states, names, steps, batch, state, ends, hasLater, reads, back, isMasked, isDropped } = pieces;
  const rowCount = (cell.gates + (cell.apart ?? 0)) * units;
  const sumsShape = [rowCount, batch];
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
      i === 0 && isDropped ? kept('dropped') : step.read(pieces.backOf(named, states[i]!));
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
    seenAs(graph.value(rows, [rowCount, steps, batch]), [rowCount, steps * batch]),
    ...names.map((name) => cutOut(graph, made[name]!, steps % 2, (steps % 2) + 1, state)),
  ];
}

/** The same of an LSTM whose gates are the usual ones, with a kernel for what is no product. */
function byKernel(graph: GraphBuilder, pieces: BackwardPieces): StoredValue[] {
  const { units, names, steps, batch, state, ends, hasLater, reads, back, isDropped, activations } = pieces;
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
    const gates: TracedPart = {
      kind: 'kernel',
      kernel: 'lstmGates',
      views: [...values, pieces.backOf(named, 'c'), dh, hasLater ? back(named, 'later') : dh, dc, sums, rows],
      numbers: [units, batch, stride, Number(activations.gate === 'hardSigmoid'), Number(hasLater)],
    };
    const views = [{ before: dh }, { before: dc }];
    return { parts: [gates, step.session()], begins: beginsOf(named, names, views, ends) };
  });
  return [graph.value(made.rows!, rowsShape), ...names.map((name) => graph.value(made[name]!, state))];
}

export const recurrenceBackward =
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
