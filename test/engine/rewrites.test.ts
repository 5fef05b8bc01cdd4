/** Rules over the list of nodes: what stands there before and after, and that both compute the same. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { GraphBuilder, kernelDomain, type StepGraph } from '../../src/engine/onnx/graph.js';
import { biasOfProduct } from '../../src/engine/onnx/rewrites/bias.js';
import { composedNormalizationGradient } from '../../src/engine/onnx/rewrites/composed-gradients.js';
import { logSoftmax } from '../../src/engine/onnx/rewrites/log-softmax.js';
import { type Rule, rewritten } from '../../src/engine/onnx/rewrites/rewrite.js';
import {
  activationKinds,
  biasOfActivation,
  composedActivation,
} from '../../src/engine/onnx/rewrites/share-activations.js';
import { reluOfPooling, steepness, stepOfRelu } from '../../src/engine/onnx/rewrites/steps.js';
import { cutGraph } from '../../src/engine/onnx/subgraphs.js';
import { trace } from '../../src/engine/onnx/tracer.js';
import { floats } from '../support/lowered.js';
import { type Given, ran } from '../support/traced.js';

beforeAll(() => loadBackend('cpu'));

/** A graph of float inputs `x0`, `x1`, ..., whose results are outputs `y0`, ... */
function graphOf(shapes: number[][], body: (graph: GraphBuilder, names: string[]) => [string, number[]][]): StepGraph {
  const graph = new GraphBuilder(true);
  const names = shapes.map((shape, i) => graph.rows(graph.input(`x${i}`, shape, 'float32')));
  body(graph, names).forEach(([name, shape], i) => {
    graph.output(`y${i}`, graph.value(name, shape), true);
  });
  return graph.build();
}

const ops = ({ nodes }: StepGraph) => nodes.map(({ op }) => op).filter((op) => op !== 'Identity');
const values = (graph: StepGraph, given: Given[]) => ran(cutGraph(graph), given, graph.outputs);

/** The graph after a rule, which computes what it did before. */
function changedBy(rule: Rule, graph: StepGraph, given: Given[]): StepGraph {
  const changed = rewritten(graph, [rule]);
  const [before, now] = [values(graph, given), values(changed, given)];
  now.forEach((numbers, i) => {
    numbers.forEach((x, at) => void expect(x).toBeCloseTo(before[i][at], 4));
  });
  return changed;
}

describe('biases', () => {
  const conv = { kernel_shape: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1 };
  const [image, filter] = [
    [2, 3, 2, 2],
    [4, 3, 1, 1],
  ];
  /** What is added to what a node makes of the first two inputs; `more` is what else reads that. */
  const added = (op: string, shapes: number[][], shape: number[], bias: number[], more = false, first = false) =>
    graphOf(shapes, (graph, [x, weights, given]) => {
      const product = graph.node(op, [x, weights], op === 'Conv' ? conv : {});
      graph.value(product, shape);
      const each = bias === shapes[2] ? given : graph.node('Reshape', [given, graph.int64(bias)]);
      graph.value(each, bias);
      const sum = graph.node('Add', first ? [each, product] : [product, each]);
      return [[sum, shape] as [string, number[]], ...(more ? [[product, shape] as [string, number[]]] : [])];
    });
  const given = (shapes: number[][]) => shapes.map((shape) => floats(shape));

  for (const first of [false, true]) {
    it(`${first ? 'before' : 'after'} a product are its own`, () => {
      const shapes = [[5, 3], [3, 7], [7]];
      const changed = changedBy(biasOfProduct, added('Gemm', shapes, [5, 7], shapes[2], false, first), given(shapes));
      expect(ops(changed)).toEqual(['Gemm']);
    });
    it(`${first ? 'before' : 'after'} a convolution are its own`, () => {
      const shapes = [image, filter, [4]];
      for (const bias of [
        [4, 1, 1],
        [1, 4, 1, 1],
      ]) {
        const changed = changedBy(
          biasOfProduct,
          added('Conv', shapes, [2, 4, 2, 2], bias, false, first),
          given(shapes),
        );
        expect(ops(changed)).toEqual(['Conv']);
      }
    });
  }
  it('stay where they differ from row to row, or what is without is read', () => {
    const columns = [
      [5, 3],
      [3, 5],
      [5, 1],
    ];
    expect(ops(rewritten(added('Gemm', columns, [5, 5], columns[2]), [biasOfProduct]))).toEqual(['Gemm', 'Add']);
    const shapes = [[5, 3], [3, 7], [7]];
    expect(ops(rewritten(added('Gemm', shapes, [5, 7], shapes[2], true), [biasOfProduct]))).toEqual(['Gemm', 'Add']);
    const wide = [image, filter, [2]];
    expect(ops(rewritten(added('Conv', wide, [2, 4, 2, 2], wide[2]), [biasOfProduct]))).toEqual(['Conv', 'Add']);
  });
});

describe('log softmax', () => {
  const operators = (of: (x: tf.Tensor) => tf.Tensor): string[] =>
    ops(trace(({ input, output }) => output('y', of(input('x', [4, 3], 'float32'))), false));
  /** As tfjs has it, with the greatest and the sum along axes of choice. */
  const composed = (greatest: number, sum: number) => (x: tf.Tensor) => {
    const shifted = tf.sub(x, tf.max(x, greatest, true));
    return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), sum, true)));
  };

  it('is one node', () => {
    expect(operators((x) => tf.logSoftmax(x))).toEqual(['LogSoftmax']);
    expect(operators(composed(1, 1))).toEqual(['LogSoftmax']);
  });
  it('computes what its steps do', () => {
    const graph = graphOf([[4, 3]], (g, [x]) => {
      const named = (op: string, inputs: string[], shape: number[], attributes = {}) =>
        g.rows(g.value(g.node(op, inputs, attributes), shape));
      const most = named('ReduceMax', [x], [4, 1], { axes: [1], keepdims: 1 });
      const isNumber = named('Equal', [most, most], [4, 1]);
      const shifted = named('Sub', [x, named('Where', [isNumber, most, most], [4, 1])], [4, 3]);
      const sum = named('ReduceSum', [named('Exp', [shifted], [4, 3]), g.int64([1])], [4, 1], { keepdims: 1 });
      return [[named('Sub', [shifted, named('Log', [sum], [4, 1])], [4, 3]), [4, 3]]];
    });
    expect(ops(changedBy(logSoftmax, graph, [floats([4, 3])]))).toEqual(['LogSoftmax']);
  });
  it('is not what subtracts the greatest, or adds up, of each column', () => {
    for (const [greatest, sum] of [
      [0, 1],
      [1, 0],
      [0, 0],
    ]) {
      const found = operators(composed(greatest, sum));
      expect(found).not.toContain('LogSoftmax');
      expect(found.filter((op) => op === 'Sub').length).toBe(2);
    }
  });
});

describe('steps', () => {
  const step = (g: GraphBuilder, x: string) =>
    g.node('Clip', [g.node('Mul', [x, g.float(steepness)]), g.float(0), g.float(1)]);

  it('are those of what relu gives, where relu came before', () => {
    const graph = (late: boolean) =>
      graphOf([[3, 4]], (g, [x]) => {
        const early = late ? undefined : g.node('Relu', [x]);
        const slope = step(g, x);
        return [
          [slope, [3, 4]],
          [early ?? g.node('Relu', [x]), [3, 4]],
        ];
      });
    const changed = changedBy(stepOfRelu, graph(false), [floats([3, 4])]);
    expect(changed.nodes.filter(({ inputs }) => inputs.includes('x0')).map(({ op }) => op)).toEqual(['Relu']);
    expect(rewritten(graph(true), [stepOfRelu]).nodes).toEqual(graph(true).nodes);
  });

  /** The gradient of pooling in 2 x 2 windows, times a step of what was pooled or of another value of its shape. */
  const pooled = (turned: boolean, of: 'pooled' | 'other', more = false) => {
    const [rows, planes] = [
      [1, 4, 4, 2],
      [1, 2, 4, 4],
    ];
    return graphOf([turned ? rows : planes, [1, 2, 2, 2], turned ? rows : planes], (g, [x, dy, other]) => {
      const form = (name: string) => (turned ? g.node('Transpose', [name], { perm: [0, 3, 1, 2] }) : name);
      const values = g.node('Relu', [x]);
      const seen = form(values);
      if (turned) g.value(seen, planes);
      const window = [2, 2, 2, 2, 0, 0];
      g.value(values, turned ? rows : planes);
      const [dx] = g.kernel('maxPoolGradient', [seen, dy], [planes], [2, 4, 4, 2, 2, ...window, 0]);
      const product = g.node('Mul', [form(step(g, of === 'pooled' ? values : other)), dx]);
      return [[product, planes] as [string, number[]], ...(more ? [[dx, planes] as [string, number[]]] : [])];
    });
  };
  for (const turned of [false, true]) {
    it(`before pooling are the kernel's own${turned ? ', turned too' : ''}`, () => {
      const graph = pooled(turned, 'pooled');
      const given = [graph.inputs[0].shape, [1, 2, 2, 2]].map((shape) => floats([...shape]));
      const changed = changedBy(reluOfPooling, graph, given);
      expect(ops(changed)).toEqual(
        ops(graph)
          .filter((op) => op !== 'Mul' && op !== 'Clip')
          .slice(0, turned ? 3 : 2),
      );
    });
  }
  it('of anything else, and gradients that are read without, stay', () => {
    for (const graph of [pooled(false, 'other'), pooled(true, 'other'), pooled(false, 'pooled', true)]) {
      expect(ops(rewritten(graph, [reluOfPooling]))).toEqual(ops(graph));
    }
  });
});

describe('activations', () => {
  const activated = (rows: number, columns: number, kind: number, withSlope: boolean, biased = false) =>
    graphOf([[rows, columns], ...(biased ? [[columns, columns], [columns]] : [])], (graph, [x, weights, bias]) => {
      const shape = [rows, columns];
      const from = biased ? graph.node('Gemm', [x, weights, bias]) : x;
      if (biased) graph.value(from, shape);
      const [y, slope] = graph.kernel('activation', [from], [shape, shape], [rows * columns, kind]);
      return [[y, shape] as [string, number[]], ...(withSlope ? [[slope, shape] as [string, number[]]] : [])];
    });

  for (const [name, kind] of Object.entries(activationKinds)) {
    it(`${name} of a few numbers is operators of ONNX`, () => {
      const changed = changedBy(composedActivation, activated(2, 12, kind, true), [floats([2, 12])]);
      expect(changed.nodes.some(({ domain }) => domain === kernelDomain)).toBe(false);
    });
    it(`${name} adds the bias of the product before it`, () => {
      const given = [floats([3, 8]), floats([8, 8]), floats([8])];
      const changed = changedBy(biasOfActivation, activated(3, 8, kind, true, true), given);
      expect(ops(changed)).toEqual(['Gemm', 'biasedActivation']);
      expect(changed.nodes.find(({ op }) => op === 'Gemm')!.inputs.length).toBe(2);
    });
  }

  it('without its slope is operators of ONNX, however many numbers there are', () => {
    expect(ops(rewritten(activated(256, 256, 2, false), [composedActivation]))).toEqual(['Sigmoid', 'Mul']);
    expect(ops(rewritten(activated(256, 256, 2, true), [composedActivation]))).toEqual(['activation']);
  });

  it('leaves a bias where columns are no multiple of four', () => {
    expect(ops(rewritten(activated(4, 6, 1, true, true), [biasOfActivation]))).toEqual(['Gemm', 'activation']);
  });
});

describe('gradients of normalizations', () => {
  const gradient = (op: 'layerNormGradient' | 'rmsNormGradient', rows: number, columns: number) => {
    const isCentered = op === 'layerNormGradient';
    const one = [rows, 1];
    const shapes = [[rows, columns], ...(isCentered ? [one] : []), one, [columns], [rows, columns]];
    const results = [[rows, columns], [columns], ...(isCentered ? [[columns]] : [])];
    const graph = graphOf(shapes, (g, names) =>
      g.kernel(op, names, results, [rows, columns]).map((name, i) => [name, results[i]]),
    );
    return { graph, given: shapes.map((shape) => floats(shape)) };
  };
  for (const op of ['layerNormGradient', 'rmsNormGradient'] as const) {
    it(`${op} of a few numbers is operators of ONNX`, () => {
      const { graph, given } = gradient(op, 5, 8);
      expect(ops(changedBy(composedNormalizationGradient, graph, given))).not.toContain(op);
    });
    it(`${op} of many is a kernel`, () => {
      expect(ops(rewritten(gradient(op, 128, 128).graph, [composedNormalizationGradient]))).toEqual([op]);
      expect(ops(rewritten(gradient(op, 127, 130).graph, [composedNormalizationGradient]))).not.toContain(op);
    });
  }
});

it('kernels are exact far from zero', () => {
  const numbers = [-1e4, -100, -20, -6, -1, -1e-3, -0, 0, 1e-3, 1, 6, 20, 100, 1e4, 30, -30];
  const shape = [4, 4];
  for (const [name, kind] of Object.entries(activationKinds)) {
    const graph = graphOf([shape], (g, [x]) =>
      g.kernel('activation', [x], [shape, shape], [16, kind]).map((made) => [made, shape]),
    );
    const [y, slope] = values(graph, [floats(shape, numbers)]);
    const share = (x: number): number => {
      if (name === 'gelu') return 0.5 * (1 + tf.tidy(() => tf.erf(tf.scalar(x * Math.SQRT1_2)).dataSync()[0]));
      const inner = name === 'silu' ? x : 2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
      return 1 / (1 + Math.exp(-inner));
    };
    numbers.forEach((x, i) => {
      const step = Math.max(1e-3, Math.abs(x) * 1e-3);
      expect(Math.abs(y[i] - x * share(x))).toBeLessThan(1e-6 * Math.max(1, Math.abs(x)));
      const slopeOf = ((x + step) * share(x + step) - (x - step) * share(x - step)) / (2 * step);
      expect(Math.abs(slope[i] - slopeOf)).toBeLessThan(2e-3);
    });
  }
});
