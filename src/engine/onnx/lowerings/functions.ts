/** Lowerings of functions of numbers that models seldom need: angles, hyperbolic inverses, and tests for what is no number. */

import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import { binary } from './binary.js';
import { elementwise } from './elementwise.js';
import type { KernelCall, Lowerings } from './lowering.js';
import type { Emit } from './types.js';
import { floats } from './unary.js';

/** The angle of (x, y), from the quotient of the shorter by the longer, which neither overflows nor is 0 / 0. */
const angle: Emit = (g, y, x) => {
  const [tall, wide] = [g.node('Abs', [y]), g.node('Abs', [x])];
  const [less, more] = [g.node('Min', [tall, wide]), g.node('Max', [tall, wide])];
  const equal = g.node('Where', [g.node('Equal', [more, g.float(0)]), g.float(0), g.float(1)]);
  const quotient = g.node('Where', [g.node('Equal', [less, more]), equal, g.node('Div', [less, more])]);
  const eighth = g.node('Atan', [quotient]);
  const turned = (of: string, from: number) => g.node('Sub', [g.float(from), of]);
  const quarter = g.node('Where', [g.node('Greater', [tall, wide]), turned(eighth, Math.PI / 2), eighth]);
  const half = g.node('Where', [isNegative(g, x), turned(quarter, Math.PI), quarter]);
  return g.node('Where', [isNegative(g, y), g.node('Neg', [half]), half]);
};
/** Also of -0. */
const isNegative: Emit = (g, x) =>
  g.node('Or', [g.node('Less', [x, g.float(0)]), g.node('Less', [g.node('Reciprocal', [x]), g.float(0)])]);

/** A test that integers and booleans always answer alike. */
const test =
  (emit: Emit, ofIntegers: 0 | 1) =>
  (graph: GraphBuilder, call: KernelCall): StoredValue => {
    const x = call.input('x');
    if (x.storage.type !== 'float32') return graph.splat(ofIntegers, x.shape, 'bool');
    return elementwise(graph, [x], emit, 'bool');
  };
const isNan: Emit = (g, x) => g.node('IsNaN', [x]);
const isInf: Emit = (g, x) => g.node('IsInf', [x]);

export const functionLowerings: Lowerings = {
  Acosh: floats('Acosh'),
  Asinh: floats('Asinh'),
  Atan2: binary({ float32: angle, int32: 'floats' }),
  Atanh: floats('Atanh'),
  IsFinite: test((g, x) => g.node('Not', [g.node('Or', [isNan(g, x), isInf(g, x)])]), 1),
  IsInf: test(isInf, 0),
  IsNan: test(isNan, 0),
};
