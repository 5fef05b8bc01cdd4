/** Rules over the list of nodes: what stands there before and after, and that both compute the same. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { GraphBuilder, kernelDomain, type StepGraph } from '../../src/engine/onnx/graph.js';
import { composedNormalizationGradient } from '../../src/engine/onnx/rewrites/composed-gradients.js';
import { type Rule, rewritten } from '../../src/engine/onnx/rewrites/rewrite.js';
import {
  activationKinds,
  biasOfActivation,
  composedActivation,
} from '../../src/engine/onnx/rewrites/share-activations.js';
import { cutGraph } from '../../src/engine/onnx/subgraphs.js';
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
