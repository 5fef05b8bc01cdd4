/** Lowerings of kernels that work element by element, in whichever memory layout their inputs already are. */
import { elements } from '../../data/examples.js';
import type { GraphBuilder, Value } from './graph.js';
import { broadcast, type KernelCall, type Lowering, type Lowerings } from './lowering.js';
import type { ElementType } from './proto.js';

type Emit = (graph: GraphBuilder, ...names: string[]) => string;

/** Name of an operand that broadcasts against [N, C, H, W]. */
function channelsFirstOperand(graph: GraphBuilder, value: Value): string {
  if (elements(value.shape) === 1) return graph.rows(value, []);
  const padded = [...Array(4 - value.shape.length).fill(1), ...value.shape];
  if (value.shape.length < 4) {
    const [, h, w, c] = padded as [number, number, number, number];
    if (h * w === 1) return graph.rows(value, [c, 1, 1]);
    return graph.channelsFirst(graph.value(graph.rows(value, padded), padded, value.storage.type));
  }
  return graph.channelsFirst(value);
}

function rowsOperand(graph: GraphBuilder, value: Value): string {
  if (value.storage.splat !== undefined) return graph.scalar(value.storage.splat, value.storage.type);
  return graph.rows(value);
}

/** Applies `emit` to inputs that broadcast to `shape`; `type` is the element type of the result. */
export function elementwise(graph: GraphBuilder, inputs: readonly Value[], emit: Emit, type?: ElementType): Value {
  const shape = inputs.map((input) => input.shape).reduce(broadcast);
  const resultType = type ?? inputs[0]!.storage.type;
  // A scalar stands for a value that is the same everywhere, unless that would lose the result's shape.
  const shaped = inputs.some((x) => x.storage.splat === undefined && x.shape.join() === shape.join());
  const full = shape.join();
  if (inputs.some((x) => x.shape.join() === full && graph.prefersChannelsFirst(x))) {
    const names = inputs.map((x) =>
      x.storage.splat !== undefined ? graph.scalar(x.storage.splat, x.storage.type) : channelsFirstOperand(graph, x),
    );
    return graph.channelsFirstValue(emit(graph, ...names), shape, resultType);
  }
  const names = inputs.map((x) => (shaped ? rowsOperand(graph, x) : graph.rows(x)));
  return graph.value(emit(graph, ...names), shape, resultType);
}

const operator =
  (op: string): Emit =>
  (graph, ...names) =>
    graph.node(op, names);

const unary =
  (emit: Emit): Lowering =>
  (graph, call) =>
    elementwise(graph, [call.input('x')], emit);

const binary =
  (emit: Emit, type?: ElementType): Lowering =>
  (graph, call) =>
    elementwise(graph, [call.input('a'), call.input('b')], emit, type);

const compare = (op: string): Lowering => binary(operator(op), 'bool');
const not =
  (emit: Emit): Emit =>
  (graph, ...names) =>
    graph.node('Not', [emit(graph, ...names)]);

/** 1 where x > 0, else 0: clipping x * 3e38 costs half of a comparison and a cast, and is exact but for denormal x. */
const stepOf: Emit = (graph, x) =>
  graph.node('Clip', [graph.node('Mul', [x, graph.float(3e38)]), graph.float(0), graph.float(1)]);

/** relu keeps its result at hand for its gradient: what comes before it then serves nobody else and can be fused. */
const relu: Lowering = (graph, call) => {
  const x = call.input('x');
  const result = elementwise(graph, [x], operator('Relu'));
  x.storage.relu = result.storage;
  return result;
};

const step: Lowering = (graph, call) => {
  const alpha = call.attribute<number>('alpha');
  const { storage, shape } = call.input('x');
  const from = storage.relu ?? storage;
  const result = elementwise(graph, [{ storage: from, shape }], (g, x) => {
    if (alpha === 0) return stepOf(g, x);
    return g.node('Where', [g.node('Greater', [x, g.float(0)]), g.float(1), g.float(alpha)]);
  });
  if (alpha === 0) result.storage.stepOf = from;
  return result;
};

const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

/** Activations that tfjs fuses into a matrix product or convolution when no gradient is asked for. */
export function activation(graph: GraphBuilder, value: Value, call: KernelCall): Value {
  const name = call.attribute<string | undefined>('activation') ?? 'linear';
  if (name === 'linear') return value;
  if (name === 'prelu') return elementwise(graph, [value, call.input('preluActivationWeights')], operator('PRelu'));
  const emits: Record<string, Emit> = {
    relu: operator('Relu'),
    relu6: relu6,
    elu: operator('Elu'),
    sigmoid: operator('Sigmoid'),
    leakyrelu: (g, x) => g.node('LeakyRelu', [x], { alpha: { float: call.attribute<number>('leakyreluAlpha') } }),
  };
  return elementwise(graph, [value], emits[name]!);
}

const relu6: Emit = (graph, x) => graph.node('Clip', [x, graph.float(0), graph.float(6)]);

/** Multiplying by a known one, or adding a known zero, is the other operand. */
function neutral(value: number, emit: Emit): Lowering {
  return (graph, call) => {
    const [a, b] = [call.input('a'), call.input('b')];
    const full = broadcast(a.shape, b.shape).join();
    if (b.storage.splat === value && a.shape.join() === full) return a;
    if (a.storage.splat === value && b.shape.join() === full) return b;
    return elementwise(graph, [a, b], emit);
  };
}

/** Adding one number an output to a convolution or product is its bias, added as it writes. */
function asBias(graph: GraphBuilder, call: KernelCall): Value | undefined {
  const [a, b] = [call.input('a'), call.input('b')];
  const outputs = a.shape.at(-1)!;
  if (a.shape.length < 2 || elements(b.shape) !== outputs || b.shape.at(-1) !== outputs) return undefined;
  const transposed = graph.prefersChannelsFirst(a);
  const flat = [elements(a.shape) / outputs, outputs];
  const maker = graph.producer(transposed ? graph.channelsFirst(a) : graph.rows(a, flat));
  if (maker?.op !== (transposed ? 'Conv' : 'Gemm') || maker.inputs.length !== 2) return undefined;
  // A node of its own: the one without bias goes when nothing else reads it.
  const name = graph.node(maker.op, [...maker.inputs, graph.rows(b, [outputs])], maker.attributes);
  if (transposed) return graph.channelsFirstValue(name, a.shape);
  return { storage: graph.value(name, flat).storage, shape: a.shape };
}

const plainAdd = neutral(0, operator('Add'));
const add: Lowering = (graph, call) => asBias(graph, call) ?? plainAdd(graph, call);

/** The gradient of relu before max pooling: pooling's own gradient can leave out what relu would. */
function reluOfPool(call: KernelCall): Value | undefined {
  const [a, b] = [call.input('a').storage, call.input('b').storage];
  if (a.pooled && b.stepOf === a.pooled.from) return a.pooled.positive();
  if (b.pooled && a.stepOf === b.pooled.from) return b.pooled.positive();
  return undefined;
}

const plainMultiply = neutral(1, operator('Mul'));
const multiply: Lowering = (graph, call) => reluOfPool(call) ?? plainMultiply(graph, call);

/**
 * tfjs computes log softmax step by step: with y = x - max(x), it is y - log(sum(exp(y))). One node does that.
 * @returns undefined where a difference is none of that kind
 */
function logSoftmax(graph: GraphBuilder, call: KernelCall): Value | undefined {
  const [a, b] = [call.input('a'), call.input('b')];
  const axis = a.shape.length - 1;
  const isLastAxis = a.shape[axis] > 1 && b.shape.join() === [...a.shape.slice(0, axis), 1].join();
  const [shifted, logs] = [a, b].map(({ storage, shape }) => storage.rows.get(shape.join()));
  if (!isLastAxis || shifted === undefined || logs === undefined) return undefined;
  /** Inputs of the node that made a tensor, if it is one of these. */
  const from = (name: string | undefined, op: string) => {
    const node = name === undefined ? undefined : graph.producer(name);
    return node?.op === op ? node.inputs : [];
  };
  const [exponent] = from(from(from(logs, 'Log')[0], 'ReduceSum')[0], 'Exp');
  const [x, most] = from(shifted, 'Sub');
  if (exponent !== shifted || x === undefined || from(most, 'ReduceMax')[0] !== x) return undefined;
  // What is subtracted must be the same along the last axis.
  if (String(graph.producer(most)!.attributes.axes) !== String(axis)) return undefined;
  return graph.value(graph.node('LogSoftmax', [x], { axis: -1 }), a.shape);
}

const plainSubtract = binary(operator('Sub'));
const subtract: Lowering = (graph, call) => logSoftmax(graph, call) ?? plainSubtract(graph, call);

const addN: Lowering = (graph, call) =>
  elementwise(graph, call.list('inputs'), (g, ...names) => names.reduce((sum, name) => g.node('Add', [sum, name])));

const elementTypes: Record<string, { type: ElementType; code: number }> = {
  float32: { type: 'float32', code: 1 },
  int32: { type: 'int32', code: 6 },
  bool: { type: 'bool', code: 9 },
};

const cast: Lowering = (graph, call) => {
  const x = call.input('x');
  const { type, code } = elementTypes[call.attribute<string>('dtype')]!;
  if (x.storage.type === type) return x;
  if (x.storage.splat !== undefined) return graph.splat(x.storage.splat, x.shape, type);
  return elementwise(graph, [x], (g, name) => g.node('Cast', [name], { to: code }), type);
};

const fill: Lowering = (graph, call) => {
  const dtype = call.attribute<string | undefined>('dtype') ?? 'float32';
  return graph.splat(call.attribute('value'), call.attribute('shape'), elementTypes[dtype]!.type);
};

const like =
  (value: number): Lowering =>
  (graph, call) =>
    graph.splat(value, call.input('x').shape, call.input('x').storage.type);

export const elementwiseLowerings: Lowerings = {
  Abs: unary(operator('Abs')),
  Acos: unary(operator('Acos')),
  Asin: unary(operator('Asin')),
  Atan: unary(operator('Atan')),
  Ceil: unary(operator('Ceil')),
  ClipByValue: (graph, call) =>
    elementwise(graph, [call.input('x')], (g, x) =>
      g.node('Clip', [x, g.float(call.attribute('clipValueMin')), g.float(call.attribute('clipValueMax'))]),
    ),
  Cos: unary(operator('Cos')),
  Cosh: unary(operator('Cosh')),
  Elu: unary(operator('Elu')),
  // dy * (y >= 0 ? 1 : y + 1), given y = elu(x)
  EluGrad: (graph, call) =>
    elementwise(graph, [call.input('dy'), call.input('y')], (g, dy, y) => {
      const slope = g.node('Add', [g.node('Min', [y, g.float(0)]), g.float(1)]);
      return g.node('Mul', [dy, slope]);
    }),
  Erf: unary(operator('Erf')),
  Exp: unary(operator('Exp')),
  Expm1: unary((g, x) => g.node('Sub', [g.node('Exp', [x]), g.float(1)])),
  Floor: unary(operator('Floor')),
  LeakyRelu: (graph, call) =>
    elementwise(graph, [call.input('x')], (g, x) =>
      g.node('LeakyRelu', [x], { alpha: { float: call.attribute<number>('alpha') } }),
    ),
  Log: unary(operator('Log')),
  Log1p: unary((g, x) => g.node('Log', [g.node('Add', [x, g.float(1)])])),
  LogicalNot: unary(operator('Not')),
  Neg: unary(operator('Neg')),
  Prelu: (graph, call) => elementwise(graph, [call.input('x'), call.input('alpha')], operator('PRelu')),
  Reciprocal: unary(operator('Reciprocal')),
  Relu: relu,
  Relu6: unary(relu6),
  Round: unary(operator('Round')),
  Rsqrt: unary((g, x) => g.node('Reciprocal', [g.node('Sqrt', [x])])),
  Selu: unary((g, x) => g.node('Selu', [x], { alpha: { float: seluAlpha }, gamma: { float: seluScale } })),
  Sigmoid: unary(operator('Sigmoid')),
  Sign: unary(operator('Sign')),
  Sin: unary(operator('Sin')),
  Sinh: unary(operator('Sinh')),
  Softplus: unary(operator('Softplus')),
  Sqrt: unary(operator('Sqrt')),
  Square: unary((g, x) => g.node('Mul', [x, x])),
  Step: step,
  Tan: unary(operator('Tan')),
  Tanh: unary(operator('Tanh')),

  Add: add,
  AddN: addN,
  FloorDiv: binary((g, a, b) => g.node('Floor', [g.node('Div', [a, b])])),
  Maximum: binary(operator('Max')),
  Minimum: binary(operator('Min')),
  Mod: binary((g, a, b) => g.node('Mod', [a, b], { fmod: 1 })),
  Multiply: multiply,
  Pow: binary(operator('Pow')),
  RealDiv: binary(operator('Div')),
  SquaredDifference: binary((g, a, b) => {
    const difference = g.node('Sub', [a, b]);
    return g.node('Mul', [difference, difference]);
  }),
  Sub: subtract,

  Equal: compare('Equal'),
  Greater: compare('Greater'),
  GreaterEqual: compare('GreaterOrEqual'),
  Less: compare('Less'),
  LessEqual: compare('LessOrEqual'),
  LogicalAnd: compare('And'),
  LogicalOr: compare('Or'),
  NotEqual: binary(not(operator('Equal')), 'bool'),

  Select: (graph, call) =>
    elementwise(
      graph,
      [call.input('condition'), call.input('t'), call.input('e')],
      operator('Where'),
      call.input('t').storage.type,
    ),
  Cast: cast,
  Fill: fill,
  OnesLike: like(1),
  ZerosLike: like(0),
};
