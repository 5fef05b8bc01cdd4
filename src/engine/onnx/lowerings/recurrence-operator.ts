/**
 * Recurrent layers as ONNX's own operators, which any program can run: for predictions. A step has loops of ours, which are faster and keep
 * what the way back needs.
 */
import { stateNames } from '../../../model/recurrent-parts.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import type { KernelCall } from './lowering.js';
import { filled, permuted, seenAs, taken } from './pieces.js';
import { isZero } from './recurrence-parts.js';
import type { RecurrentCell } from './recurrent-cells.js';

/** Names of operators, and the gates of a tfjs cell in the operator's order. */
const operators = {
  1: { op: 'RNN', order: [0] },
  3: { op: 'GRU', order: [0, 1, 2] },
  4: { op: 'LSTM', order: [0, 3, 1, 2] },
} as const;

/** tfjs's hard sigmoid has the factors that ONNX's has by itself. */
const activations: Readonly<Record<string, string>> = {
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  relu: 'Relu',
  hardSigmoid: 'HardSigmoid',
};

/** @returns the sequence and the last states of a call without a mask, without dropout and without a way back */
export function recurrenceOperator(cell: RecurrentCell, graph: GraphBuilder, call: KernelCall): StoredValue[] {
  const { op, order } = operators[cell.gates as keyof typeof operators];
  const x = call.input('x');
  const [steps, width, batch] = x.shape as [number, number, number];
  const units = call.input('recurrentKernel').shape[0]!;
  /** [..., gates * units] as [1, gates * units, ...], of gates in the operator's order. */
  const byGates = (value: StoredValue, columns: number): string => {
    const rows = permuted(graph, seenAs(value, [columns, cell.gates * units]), [1, 0]);
    const ordered = taken(graph, graph.rows(rows, [cell.gates, units, columns]), 0, order);
    return graph.node('Reshape', [ordered, graph.int64([1, cell.gates * units, columns])]);
  };
  const biases = (): string => {
    // Those of inputs and of states, each in the order of a GRU.
    if (cell.apart) return graph.rows(call.input('bias'), [1, 2 * cell.gates * units]);
    const bias = graph.node('Reshape', [byGates(call.input('bias'), 1), graph.int64([1, cell.gates * units])]);
    return graph.node('Concat', [bias, filled(graph, [1, cell.gates * units], 'float32')], { axis: 1 });
  };
  const starts = stateNames.slice(0, cell.states).map((name) => {
    const start = call.input(name);
    return isZero(start) ? '' : graph.rows(permuted(graph, start, [1, 0]), [1, batch, units]);
  });
  const named = (name: string) => activations[call.attribute<string>(name)]!;
  const inner = named('activation');
  const inputs = [
    graph.rows(permuted(graph, x, [0, 2, 1])),
    byGates(call.input('kernel'), width),
    byGates(call.input('recurrentKernel'), units),
    call.attribute<boolean>('hasBias') ? biases() : '',
    '',
    ...starts,
  ];
  const results = graph.nodes(op, inputs, 1 + cell.states, {
    hidden_size: units,
    ...(cell.apart && { linear_before_reset: 1 }),
    // Of gates, of the candidate, and of what an LSTM shows.
    activations: { RNN: [inner], GRU: [named('gate'), inner], LSTM: [named('gate'), inner, inner] }[op],
  });
  const turned = (name: string, shape: number[], perm: number[]) => permuted(graph, graph.value(name, shape), perm);
  return results.map((name, i) =>
    i === 0
      ? seenAs(turned(name, [steps, 1, batch, units], [0, 1, 3, 2]), [steps, units, batch])
      : seenAs(turned(name, [1, batch, units], [0, 2, 1]), [units, batch]),
  );
}
