/** Lowerings of kernels of one input that work element by element. */

import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import { activationKinds } from '../rewrites/share-activations.js';
import { steepness } from '../rewrites/steps.js';
import type { StoredValue } from '../storage.js';
import { elementwise, operator, relu6 } from './elementwise.js';
import { broadcast, type Lowering, type Lowerings, type Shape4, unsupported } from './lowering.js';
import { type ByType, castTo, type Emit, elementTypeOf, emitFor, inDoubles, storedAs } from './types.js';

const unary =
  (rule: ByType): Lowering =>
  (graph, call) => {
    const x = call.input('x');
    const emit = emitFor(call.kernel, rule, x);
    return emit ? elementwise(graph, [x], emit) : x;
  };

/** An operator that ONNX Runtime has for floats only. */
export const floats = (op: string): Lowering => unary({ float32: operator(op), int32: 'floats' });
/** An operator that ONNX Runtime has for floats and whole numbers, and that leaves 0 and 1 as they are. */
const numbers = (op: string): Lowering => unary({ float32: operator(op), int32: operator(op), bool: 'same' });
const rounding = (op: string): Lowering => unary({ float32: operator(op), int32: 'same', bool: 'same' });

/** The input as floats: some kernels of tfjs give floats whatever they are given. */
function asFloats(graph: GraphBuilder, x: StoredValue): StoredValue {
  if (x.storage.type === 'float32') return x;
  return elementwise(graph, [x], (g, name) => castTo(g, name, 'float32'), 'float32');
}

/** 1 where x > 0, else 0 (rewrites/steps.ts). */
const stepOf: Emit = (graph, x) =>
  graph.node('Clip', [graph.node('Mul', [x, graph.float(steepness)]), graph.float(0), graph.float(1)]);

/** 1 where x is positive, NaN where it is NaN, else alpha. */
const step: Lowering = (graph, call) => {
  const alpha = call.attribute<number>('alpha', 0);
  const float32: Emit = (g, x) => {
    if (alpha === 0) return stepOf(g, x);
    return g.node('Where', [g.node('LessOrEqual', [x, g.float(0)]), g.float(alpha), stepOf(g, x)]);
  };
  return unary({ float32, int32: 'floats' })(graph, call);
};

const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

/** Of whole numbers it is a float in tfjs, and of doubles right to the last bit. */
const exp: Lowering = (graph, call) => {
  const x = call.input('x');
  if (x.storage.type === 'float32') return elementwise(graph, [x], operator('Exp'));
  const wide: Emit = (g, name) => castTo(g, g.node('Exp', [castTo(g, name, 'float64')]), 'float32');
  return elementwise(graph, [x], wide, 'float32');
};

/**
 * exp(x) - 1 without loss near zero: u = exp(x) is rounded, and what that took away is u (x - log u) in first order. Far
 * from zero it matters nothing, and could overflow.
 */
const expm1: Emit = (graph, x) => {
  const near = graph.node('Clip', [x, graph.float(-1), graph.float(1)]);
  const u = graph.node('Exp', [near]);
  const lost = graph.node('Mul', [u, graph.node('Sub', [near, graph.node('Log', [u])])]);
  return graph.node('Add', [graph.node('Sub', [graph.node('Exp', [x]), graph.float(1)]), lost]);
};

/**
 * log(1 + x) without loss near zero: u = 1 + x is rounded, and what that took away is (x - (u - 1)) / u in first order. The
 * limits keep infinity and -1, where nothing was lost, out of it.
 */
const log1p: Emit = (graph, x) => {
  const u = graph.node('Add', [x, graph.float(1)]);
  const [rounded, exact] = [graph.node('Sub', [u, graph.float(1)]), x].map((name) =>
    graph.node('Min', [name, graph.float(1e30)]),
  );
  const lost = graph.node('Div', [graph.node('Sub', [rounded!, exact!]), graph.node('Max', [u, graph.float(1e-30)])]);
  return graph.node('Sub', [graph.node('Log', [u]), lost]);
};

/** The sign of NaN is 0 in tfjs. */
const sign: Emit = (graph, x) =>
  graph.node('Where', [graph.node('IsNaN', [x]), graph.float(0), graph.node('Sign', [x])]);

/** As doubles: near its poles a float is not enough. */
const tan: Emit = (graph, x) => {
  const wide = castTo(graph, x, 'float64');
  const quotient = graph.node('Div', [graph.node('Sin', [wide]), graph.node('Cos', [wide])]);
  return castTo(graph, quotient, 'float32');
};

/** Limits of whole numbers are cut as results would be; beyond 32 bits nothing is cut off. */
const clip: Lowering = (graph, call) => {
  const limits = [call.attribute<number>('clipValueMin'), call.attribute<number>('clipValueMax')];
  const whole = limits.map((limit) => Math.trunc(Math.min(Math.max(limit, -(2 ** 31)), 2 ** 31 - 1)));
  const to = (given: readonly number[], type: 'float32' | 'int32'): Emit => {
    return (g, x) => g.node('Clip', [x, ...given.map((limit) => g.scalar(limit, type))]);
  };
  return unary({ float32: to(limits, 'float32'), int32: to(whole, 'int32') })(graph, call);
};

const cast: Lowering = (graph, call) => {
  const x = call.input('x');
  const type = elementTypeOf(call.kernel, call.attribute<string>('dtype'));
  if (x.storage.type === type) return x;
  if (x.storage.splat !== undefined) return graph.splat(storedAs(x.storage.splat, type), x.shape, type);
  return elementwise(graph, [x], (g, name) => castTo(g, name, type), type);
};

const fill: Lowering = (graph, call) => {
  const type = elementTypeOf(call.kernel, call.attribute<string>('dtype', 'float32'));
  return graph.splat(storedAs(call.attribute('value'), type), call.attribute('shape'), type);
};

const like =
  (value: number): Lowering =>
  (graph, call) =>
    graph.splat(value, call.input('x').shape, call.input('x').storage.type);

/** A tensor of all numbers of a value, in whatever form there is one. */
function anyForm(graph: GraphBuilder, x: StoredValue): { name: string; shape: readonly number[] } {
  const [n, h, w, c] = x.shape as Shape4;
  if (graph.prefersChannelsFirst(x)) return { name: graph.channelsFirst(x), shape: [n, c, h, w] };
  if (x.storage.rows.size === 0) graph.rows(x);
  const [[key, name]] = x.storage.rows as unknown as [[string, string]];
  return { name, shape: key === '' ? [] : key.split(',').map(Number) };
}

/** An activation and its slope (model/tfjs/whole-operations.ts), of floats in any layout. */
const activation: Lowering = (graph, call) => {
  const x = call.input('x');
  const { name, shape } = anyForm(graph, x);
  const kind = activationKinds[call.attribute<keyof typeof activationKinds>('kind')];
  const made = graph.kernel('activation', [name], [shape, shape], [elements(x.shape), kind]);
  return made.map((each) => {
    if (graph.prefersChannelsFirst(x)) return graph.channelsFirstValue(each, x.shape);
    return { storage: graph.value(each, shape).storage, shape: x.shape };
  });
};

const square: Emit = (graph, x) => graph.node('Mul', [x, x]);

export const unaryLowerings: Lowerings = {
  Abs: numbers('Abs'),
  Activation: activation,
  Acos: floats('Acos'),
  Asin: floats('Asin'),
  Atan: floats('Atan'),
  Ceil: rounding('Ceil'),
  ClipByValue: clip,
  Cos: floats('Cos'),
  Cosh: floats('Cosh'),
  Elu: floats('Elu'),
  // dy * (y >= 0 ? 1 : y + 1), given y = elu(x)
  EluGrad: (graph, call) =>
    elementwise(graph, [call.input('dy'), call.input('y')], (g, dy, y) => {
      const slope = g.node('Add', [g.node('Min', [y, g.float(0)]), g.float(1)]);
      return g.node('Mul', [dy, slope]);
    }),
  Erf: unary({ float32: operator('Erf') }),
  Exp: exp,
  Expm1: unary({ float32: expm1, int32: 'floats' }),
  Floor: rounding('Floor'),
  LeakyRelu: (graph, call) =>
    elementwise(graph, [asFloats(graph, call.input('x'))], (g, x) =>
      g.node('LeakyRelu', [x], { alpha: { float: call.attribute<number>('alpha', 0.2) } }),
    ),
  Log: floats('Log'),
  Log1p: unary({ float32: log1p, int32: 'floats' }),
  LogicalNot: (graph, call) => elementwise(graph, [call.input('x')], operator('Not')),
  Neg: unary({ float32: operator('Neg'), int32: operator('Neg') }),
  Prelu: (graph, call) => {
    const inputs = [call.input('x'), call.input('alpha')].map((input) => asFloats(graph, input));
    const { shape } = call.input('x');
    const isWithin =
      inputs
        .map((input) => input.shape)
        .reduce(broadcast)
        .join() === shape.join();
    if (!isWithin) unsupported(call.kernel, 'slopes of a larger shape than the input');
    // ONNX's PRelu broadcasts slopes alone.
    const [x, slopes] = inputs as [StoredValue, StoredValue];
    const whole = x.storage.spread ? graph.value(graph.rows(x), x.shape) : x;
    return elementwise(graph, [whole, slopes], operator('PRelu'));
  },
  Reciprocal: floats('Reciprocal'),
  Relu: numbers('Relu'),
  Relu6: unary({
    float32: relu6,
    int32: (g, x) => g.node('Clip', [x, g.scalar(0, 'int32'), g.scalar(6, 'int32')]),
    bool: 'same',
  }),
  Round: rounding('Round'),
  Rsqrt: unary({ float32: (g, x) => g.node('Reciprocal', [g.node('Sqrt', [x])]), int32: 'floats' }),
  Selu: unary({
    float32: (g, x) => g.node('Selu', [x], { alpha: { float: seluAlpha }, gamma: { float: seluScale } }),
    int32: 'floats',
  }),
  Sigmoid: floats('Sigmoid'),
  Sign: unary({ float32: sign, int32: operator('Sign'), bool: 'same' }),
  Sin: floats('Sin'),
  Sinh: floats('Sinh'),
  Softplus: floats('Softplus'),
  Sqrt: floats('Sqrt'),
  Square: unary({ float32: square, int32: square, bool: 'same' }),
  Step: step,
  Tan: unary({ float32: tan, int32: 'floats' }),
  Tanh: unary({ float32: operator('Tanh'), int32: inDoubles(operator('Tanh')) }),

  Cast: cast,
  Fill: fill,
  OnesLike: like(1),
  ZerosLike: like(0),
};
