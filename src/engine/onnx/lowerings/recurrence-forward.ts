/** Loops of recurrent layers over the steps of a sequence. */
import type { GraphBuilder } from '../graph.js';
import { eachSlot, inEveryStep } from '../step-loop.js';
import type { StoredValue } from '../storage.js';
import { LoopStep } from './loop-step.js';
import type { KernelCall, Lowering } from './lowering.js';
import { recurrenceOperator } from './recurrence-operator.js';
import { beginsOf, cutOut, looped, masked, type Named, recurrence, startsOf, stateViews } from './recurrence-parts.js';
import type { RecurrentCell } from './recurrent-cells.js';

/** The way there of a call: what its loop reads and writes. */
function forwardPieces(cell: RecurrentCell, graph: GraphBuilder, call: KernelCall) {
  const known = recurrence(cell, call);
  const { units, names, isDropped } = known;
  const [x, weights, recurrent] = ['x', 'kernel', 'recurrentKernel'].map((name) => call.input(name)) as [
    StoredValue,
    StoredValue,
    StoredValue,
  ];
  const [steps, width, batch] = x.shape as [number, number, number];
  const state = [units, batch];
  const [hasBias, keeps] = [call.attribute<boolean>('hasBias'), call.attribute<boolean>('keeps')];
  // The state and the input of a step lie one behind the other where one product can be over both.
  const isJoined = cell.sums.length === 1 && !isDropped;
  const rows = [isJoined ? units + width : units, units];
  // Only the way back, and who wants all steps, needs more of a state than the one before.
  const slots = names.map((_, i) => (keeps || i === 0 ? steps + 1 : 2));
  const starts = names.map((name) => call.input(name));
  const joined = (axis: StoredValue[]) => {
    const made = graph.node(
      'Concat',
      axis.map((value) => graph.rows(value)),
      { axis: 0 },
    );
    return graph.columns(graph.value(made, [units + width, cell.gates * units]));
  };
  const reads = {
    x: graph.rows(x),
    ...(isJoined
      ? {
          recurrent: joined([recurrent, weights]),
          x0: graph.rows(cutOut(graph, graph.rows(x), 0, 1, [1, width, batch])),
        }
      : { recurrent: graph.columns(recurrent), weights: graph.columns(weights) }),
    bias: hasBias ? graph.rows(call.input('bias'), [(cell.apart ? 2 : 1) * cell.gates * units, 1]) : undefined,
    ...known.given(graph),
    ...startsOf(graph, names, starts),
  };
  const kept = keeps ? known.kept : [];
  const writes = {
    ...Object.fromEntries(names.map((name, i) => [name, [slots[i]!, rows[i]!, batch]])),
    ...Object.fromEntries(kept.map((name) => [name, [steps, ...state]])),
  };
  return { ...known, steps, width, batch, state, hasBias, keeps, isJoined, rows, slots, starts, reads, writes, kept };
}

/** The sums of gates, [count * units, batch], by the first of them and the state that they are over. @param gates of the cell */
function gateSums(step: LoopStep, named: Named, pieces: ReturnType<typeof forwardPieces>, gates: number) {
  const { units, width, batch, steps, hasBias, isJoined } = pieces;
  const rowsOf = (key: string, columns: number, from: number, count: number) =>
    step.read({ ...inEveryStep(named(key), [count * units, columns]), at: from * units * columns });
  if (isJoined) {
    const both = eachSlot(named('h'), steps + 1, [units + width, batch]);
    const input = { ...both, shape: [width, batch], at: units * batch, first: 1 };
    step.write(step.node('Identity', [step.read(eachSlot(named('x'), steps, [width, batch], 1))]), input);
    const sums = (from: number, count: number) =>
      step.node('Gemm', [
        rowsOf('recurrent', units + width, from, count),
        step.read(both),
        ...(hasBias ? [rowsOf('bias', 1, from, count)] : []),
      ]);
    return { sums, ofInput: sums, ofState: sums };
  }
  const input = step.read(eachSlot(named('x'), steps, [width, batch]));
  const bias = (from: number, count: number) => (hasBias ? [rowsOf('bias', 1, from, count)] : []);
  const ofInput = (from: number, count: number) =>
    step.node('Gemm', [rowsOf('weights', width, from, count), input, ...bias(from, count)]);
  const overState = (from: number, count: number, of: string, more: readonly string[]) =>
    step.node('Gemm', [rowsOf('recurrent', units, from, count), of, ...more]);
  return {
    sums: (from: number, count: number, of: string) => overState(from, count, of, [ofInput(from, count)]),
    ofInput,
    ofState: (from: number, count: number, of: string) => overState(from, count, of, bias(gates + from, count)),
  };
}

export const recurrenceForward =
  (cell: RecurrentCell): Lowering =>
  (graph, call) => {
    if (!graph.turnsProducts) return recurrenceOperator(cell, graph, call);
    const pieces = forwardPieces(cell, graph, call);
    const { units, width, names, steps, batch, state, keeps, isJoined, isMasked, isDropped, rows, slots } = pieces;
    const { starts, kept, activations } = pieces;
    const made = looped(graph, pieces.reads, pieces.writes, steps, (named) => {
      const step = new LoopStep();
      const strides = rows.map((count) => count * batch);
      const views = stateViews(named, names, slots, state, strides);
      const before = views.map((view) => step.read(view.before)) as [string, ...string[]];
      const keep = (key: string, value: string) => {
        if (kept.includes(key)) step.write(value, eachSlot(named(key), steps, state));
      };
      const mask = isMasked ? step.read(eachSlot(named('mask'), steps, [1, batch])) : undefined;
      const dropped = isDropped ? step.mul(before[0], step.read(inEveryStep(named('drop'), state))) : before[0];
      keep('dropped', dropped);
      const sums = gateSums(step, named, pieces, cell.gates);
      const next = cell.forward({ step, states: [dropped, ...before.slice(1)], ...sums, keep, ...activations });
      next.forEach((value, i) => {
        step.write(masked(step, mask, value, before[i]!), views[i]!.after);
      });
      const input = { ...views[0]!.before, shape: [width, batch], at: units * batch };
      const begins = [
        ...beginsOf(named, names, views, starts),
        ...(isJoined ? [{ view: input, from: named('x0') }] : []),
      ];
      return { parts: [step.session()], begins };
    });
    const lastOf = (name: string, i: number) => {
      const last = steps % slots[i]!;
      return cutOut(graph, made[name]!, last, last + 1, state);
    };
    return [
      cutOut(graph, made.h!, 1, steps + 1, [steps, ...state]),
      ...names.map(lastOf),
      ...(keeps ? names.map((name) => graph.value(made[name]!, pieces.writes[name]!)) : []),
      ...kept.map((name) => graph.value(made[name]!, [steps, ...state])),
    ];
  };
