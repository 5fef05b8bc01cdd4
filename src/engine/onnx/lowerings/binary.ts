/** Lowerings of kernels of two inputs that work element by element. */
import { elements } from '../../../ground/elements.js';
import type { StoredValue } from '../storage.js';
import { elementwise, operator } from './elementwise.js';
import { broadcast, type Lowering, type Lowerings } from './lowering.js';
import { seenAs } from './pieces.js';
import { type ByType, castTo, chosen, type Emit, emitFor, inDoubles } from './types.js';

/** Two inputs of one type, which tfjs sees to. A rule without `same`. */
export const binary =
  (rule: ByType, type?: 'bool' | 'int32'): Lowering =>
  (graph, call) => {
    const [a, b] = [call.input('a'), call.input('b')];
    return elementwise(graph, [a, b], emitFor(call.kernel, rule, a)!, type);
  };

/** An operator that ONNX Runtime has for floats and whole numbers. */
const numbers = (op: string): ByType => ({ float32: operator(op), int32: operator(op) });

const not =
  (emit: Emit): Emit =>
  (graph, ...names) =>
    graph.node('Not', [emit(graph, ...names)]);

/** @param bool the comparison of booleans, of which true is the greater */
const compare = (op: string, bool: Emit): Lowering => binary({ ...numbers(op), bool }, 'bool');
const unequal = not(operator('Equal'));
const logical =
  (op: 'And' | 'Or'): Lowering =>
  (graph, call) =>
    elementwise(graph, [call.input('a'), call.input('b')], operator(op), 'bool');
const onlyA: Emit = (graph, a, b) => graph.node('And', [a, graph.node('Not', [b])]);
const onlyB: Emit = (graph, a, b) => onlyA(graph, b, a);

/** Multiplying by a known one, or adding a known zero, is the other operand. */
function neutral(value: number, rule: ByType): Lowering {
  const plain = binary(rule);
  return (graph, call) => {
    const [a, b] = [call.input('a'), call.input('b')];
    const full = broadcast(a.shape, b.shape).join();
    if (b.storage.splat === value && a.shape.join() === full) return a;
    if (a.storage.splat === value && b.shape.join() === full) return b;
    return plain(graph, call);
  };
}

const plainAdd = neutral(0, numbers('Add'));

/** A number for each output is added to rows of outputs where these are there, as products of matrices leave them. */
const add: Lowering = (graph, call) => {
  const [a, b] = [call.input('a'), call.input('b')];
  const outputs = a.shape.at(-1)!;
  const rows = [elements(a.shape) / outputs, outputs];
  const isForEach = a.shape.length > 2 && elements(b.shape) === outputs && b.shape.at(-1) === outputs;
  if (!isForEach || !a.storage.rows.has(rows.join())) return plainAdd(graph, call);
  const seen = { a: seenAs(a, rows), b: seenAs(b, [outputs]) };
  const sum = plainAdd(graph, { ...call, input: (name) => seen[name as 'a' | 'b'] });
  return seenAs(sum as StoredValue, a.shape);
};

const multiply = neutral(1, { ...numbers('Mul'), bool: operator('And') });

const addN: Lowering = (graph, call) => {
  const inputs = call.list('inputs');
  return elementwise(graph, inputs, (g, ...names) =>
    names.reduce((sum, name) => emitFor(call.kernel, numbers('Add'), inputs[0]!)!(g, sum, name)),
  );
};

/** The remainder has the divisor's sign: (a % b + b) % b, as JavaScript has it and as exact, in doubles. */
const modOfFloats: Emit = (graph, ...floats) => {
  const [a, b] = floats.map((name) => castTo(graph, name, 'float64')) as [string, string];
  const rest = graph.node('Mod', [a, b], { fmod: 1 });
  const [negativeA, negativeB] = floats.map((name) => graph.node('Less', [name, graph.float(0)]));
  const turned = graph.node('Mod', [graph.node('Add', [rest, b]), b], { fmod: 1 });
  const signed = graph.node('Where', [graph.node('Equal', [negativeA!, negativeB!]), rest, turned]);
  return castTo(graph, signed, 'float32');
};

/** ONNX's remainder of whole numbers has the divisor's sign. By zero it would end the process; in tfjs it is 0. */
const modOfIntegers: Emit = (graph, a, b) => {
  const isZero = graph.node('Equal', [b, graph.scalar(0, 'int32')]);
  return graph.node('Mod', [a, graph.node('Where', [isZero, graph.scalar(1, 'int32'), b])]);
};

/** Of doubles: tfjs divides as JavaScript does, and rounding a quotient of floats can reach the next whole number. */
const floorDivision = inDoubles((graph, a, b) => graph.node('Floor', [graph.node('Div', [a, b])]));

/** The square of a difference. */
const squaredDifference: Emit = (graph, a, b) => {
  const difference = graph.node('Sub', [a, b]);
  return graph.node('Mul', [difference, difference]);
};

const select: Lowering = (graph, call) => {
  const [condition, t, e] = ['condition', 't', 'e'].map((name) => call.input(name)) as [
    StoredValue,
    StoredValue,
    StoredValue,
  ];
  const { type } = t.storage;
  const where: Emit = (g, c, x, y) => chosen(g, type, c, x, y);
  return elementwise(graph, [condition, t, e], where, type);
};

export const binaryLowerings: Lowerings = {
  Add: add,
  AddN: addN,
  FloorDiv: binary({ float32: floorDivision, int32: floorDivision }, 'int32'),
  Maximum: binary({ ...numbers('Max'), bool: operator('Or') }),
  Minimum: binary({ ...numbers('Min'), bool: operator('And') }),
  Mod: binary({ float32: modOfFloats, int32: modOfIntegers }),
  Multiply: multiply,
  Pow: binary({ float32: operator('Pow'), int32: inDoubles(operator('Pow')) }),
  RealDiv: binary({ float32: operator('Div'), int32: inDoubles(operator('Div')) }),
  SquaredDifference: binary({ float32: squaredDifference, int32: squaredDifference }),
  Sub: binary(numbers('Sub')),

  Equal: compare('Equal', operator('Equal')),
  Greater: compare('Greater', onlyA),
  GreaterEqual: compare('GreaterOrEqual', not(onlyB)),
  Less: compare('Less', onlyB),
  LessEqual: compare('LessOrEqual', not(onlyA)),
  LogicalAnd: logical('And'),
  LogicalOr: logical('Or'),
  NotEqual: binary({ float32: unequal, int32: unequal, bool: unequal }, 'bool'),
  Select: select,
};
