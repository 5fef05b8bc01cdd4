/**
 * Kernels that work element by element or reduce, on every element type and on special numbers: compiled alone, they give
 * what tfjs's backend `cpu` gives, of its type, or are refused by name.
 */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Call, modes, type Numbers, runAlone } from '../../scripts/kernels/alone.js';
import { loadBackend } from '../../src/engine/backends.js';
import { accepted } from '../../src/engine/onnx/accepted.js';
import { GraphBuilder } from '../../src/engine/onnx/graph.js';
import { UnsupportedModelError } from '../../src/errors.js';

beforeAll(() => loadBackend('cpu'));

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const floats = [0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, -3, 1e-6, -1e-6, 1e-12, 20, -20, 40, -40, inf, -inf, nan];
const values = {
  // More than a vector of the processor holds, and not a multiple of it.
  float32: Float32Array.from([...floats, ...floats.toReversed(), 7]),
  int32: Int32Array.from([0, 1, -1, 2, -2, 3, -3, 5, -7, 8, 9]),
  bool: Uint8Array.from([0, 1, 1, 0, 1]),
};
type Type = keyof typeof values;
const types = Object.keys(values) as Type[];
const numbers = (type: Type, data = values[type], shape = [data.length]): Numbers => ({ type, shape, data });

/** What backend `cpu` computes. */
function expected({ kernel, inputs, attributes }: Call): Numbers[] {
  const tensors = Object.entries(inputs).map(([name, { data, shape, type }]) => {
    return [name, tf.tensor(data, [...shape], type as Type)] as const;
  });
  const results = tf.engine().runKernel(kernel, Object.fromEntries(tensors), attributes as tf.NamedAttrMap);
  return [results].flat().map((tensor) => {
    const { dtype, shape } = tensor as tf.Tensor;
    return { type: dtype as Type, shape, data: (tensor as tf.Tensor).dataSync() as Float32Array };
  });
}

const near = (a: number, b: number) =>
  Object.is(a, b) || a === b || Math.abs(a - b) <= 2e-7 + 2e-5 * Math.abs(b) || (Number.isNaN(a) && Number.isNaN(b));

/** @returns what is wrong, or `refused` */
function judge(call: Call): string[] {
  const wanted = expected(call);
  return modes.flatMap((mode) => {
    try {
      return runAlone(call, mode).flatMap(({ type, shape, data }, i) => {
        const { type: dtype, shape: size, data: right } = wanted[i];
        if (type !== dtype || shape.join() !== size.join()) return `${mode}: ${type} [${shape}] for ${dtype} [${size}]`;
        const at = data.findIndex((value, j) => !near(value, right[j]));
        return at < 0 ? [] : `${mode}: ${data[at]} for ${right[at]} at ${at}`;
      });
    } catch (error) {
      if (!(error instanceof UnsupportedModelError)) throw error;
      expect(error.problem).toContain(call.kernel);
      return 'refused';
    }
  });
}

const unary = [
  ...['Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Ceil', 'Cos', 'Cosh', 'Elu', 'Erf', 'Exp', 'Expm1'],
  ...['Floor', 'IsFinite', 'IsInf', 'IsNan', 'LeakyRelu', 'Log', 'Log1p', 'Neg', 'OnesLike', 'Reciprocal', 'Relu'],
  ...['Relu6', 'Round', 'Rsqrt', 'Selu', 'Sigmoid', 'Sign', 'Sin', 'Sinh', 'Softplus', 'Sqrt', 'Square', 'Step', 'Tan'],
  ...['Tanh', 'ZerosLike'],
];
const binary = [
  ...['Add', 'Atan2', 'Equal', 'FloorDiv', 'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'Maximum', 'Minimum', 'Mod'],
  ...['Multiply', 'NotEqual', 'Prelu', 'RealDiv', 'SquaredDifference', 'Sub'],
];
const reductions = ['Sum', 'Mean', 'Prod', 'Max', 'Min'];

/** Refused booleans are none of the engine's: tfjs itself would keep a 2 as a boolean. */
const outcome = (type: Type, call: Call) => {
  const found = judge(call).filter((text) => type !== 'bool' || text !== 'refused');
  return found.length > 0 ? [`${call.kernel} of ${type}: ${found.join('; ')}`] : [];
};

describe('as on backend cpu', () => {
  it('functions of one number', () => {
    const attributes = { alpha: 0.25 };
    const wrong = unary.flatMap((kernel) =>
      types.flatMap((type) => {
        // tf.erf makes floats of whole numbers before.
        if (kernel === 'Erf' && type !== 'float32') return [];
        return outcome(type, { kernel, inputs: { x: numbers(type) }, attributes });
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('functions of two numbers, each with each', () => {
    const wrong = binary.flatMap((kernel) =>
      types.flatMap((type) => {
        // Quotients of more than 32 bits are whole numbers to nobody.
        const all = values[type].filter((value) => Math.abs(value) !== Math.fround(1e-12));
        const [a, b] = [numbers(type, all, [all.length, 1]), numbers(type, all)];
        const inputs = kernel === 'Prelu' ? { x: b, alpha: b } : { a, b };
        return outcome(type, { kernel, inputs: inputs as never, attributes: {} });
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('bits of whole numbers, and shapes', () => {
    const all = Int32Array.from([...values.int32, 2 ** 31 - 1, -(2 ** 31), 0x5555_5555, -0x1234_5678]);
    const [a, b] = [numbers('int32', all, [all.length, 1]), numbers('int32', all)];
    const wrong = outcome('int32', { kernel: 'BitwiseAnd', inputs: { a, b }, attributes: {} });
    const shape = (...sizes: number[]) => numbers('int32', Int32Array.from(sizes));
    for (const [s0, s1] of [
      [shape(2, 1, 3), shape(5, 1)],
      [shape(4), shape(4)],
      [shape(1), shape(7, 2)],
      [shape(3, 1), shape(1, 0)],
    ]) {
      wrong.push(...outcome('int32', { kernel: 'BroadcastArgs', inputs: { s0, s1 } as never, attributes: {} }));
    }
    expect(wrong).toEqual([]);
  });

  it('reductions, with axes and without, NaN wherever it stands', () => {
    const rows = Float32Array.from({ length: 3 * 19 }, (_, i) => Math.sin(i));
    const places = Array.from({ length: 19 }, (_, at) => {
      const data = rows.slice();
      data[19 + at] = nan;
      return { type: 'float32' as const, shape: [3, 19], data };
    });
    const others = types.slice(1).map((type) => numbers(type));
    const wrong = [...places, ...others].flatMap((x) =>
      [...reductions, 'ArgMax', 'ArgMin'].flatMap((kernel) => {
        const isArgument = kernel.startsWith('Arg');
        const axes = isArgument ? [0, x.shape.length - 1] : [undefined, 0, -1, [0]];
        return axes.flatMap((axis) => {
          // The kernels of tfjs's own operations have lists of axes; Max calls them otherwise.
          const list = isArgument
            ? axis
            : axis === undefined
              ? null
              : [axis].flat().map((i) => (i < 0 ? i + x.shape.length : i));
          const name = kernel === 'Max' ? 'reductionIndices' : 'axis';
          return outcome(x.type as Type, { kernel, inputs: { x }, attributes: { [name]: list, keepDims: false } });
        });
      }),
    );
    expect(wrong).toEqual([]);
  });
});

it('what the library refuses is said to be so, by the name of the kernel', () => {
  const graph = new GraphBuilder(false);
  graph.origin.kernel = 'Relu';
  const x = graph.input('x', [3], 'bool');
  graph.output('y', graph.value(graph.node('Relu', [graph.rows(x)]), [3], 'bool'));
  expect(() => accepted(graph.build())).toThrow(UnsupportedModelError);
  expect(() => accepted(graph.build())).toThrow(/refuses the tfjs kernel Relu \(.*bool/);
});
