/** Products of matrices in blocks: they come to what ONNX Runtime's Gemm comes to, and pass their blocks on. Other processors compute without. */
import { describe, expect, it } from 'vitest';
import { graphHash, portableEngine } from '../../coordinator/prepare/choose-engine.js';
import type { LayerConfig } from '../../src/config/model.js';
import { blockDomain, hasBlocks } from '../../src/engine/onnx/blocks.js';
import { compileGradients } from '../../src/engine/onnx/compile.js';
import { GraphBuilder, kernelDomain, type StepGraph } from '../../src/engine/onnx/graph.js';
import { inspectModel } from '../../src/engine/onnx/inspect.js';
import { OnnxEngine } from '../../src/engine/onnx/onnx-engine.js';
import { encodeModel, type OnnxGraph } from '../../src/engine/onnx/proto.js';
import { blockedProducts } from '../../src/engine/onnx/rewrites/blocked-products.js';
import { rewritten } from '../../src/engine/onnx/rewrites/rewrite.js';
import { cutGraph } from '../../src/engine/onnx/subgraphs.js';
import { PrivateMemory } from '../../src/engine/private-memory.js';
import { createStepModel, initialParameters } from '../../src/engine/step.js';
import { relativeError, specOf } from '../support/engines.js';
import { floats } from '../support/lowered.js';
import { skipIf } from '../support/skip-if.js';
import { ran } from '../support/traced.js';

type Body = (graph: GraphBuilder, names: string[]) => [name: string, shape: number[]][];

function graphOf(shapes: readonly number[][], body: Body): StepGraph {
  const graph = new GraphBuilder(true);
  const names = shapes.map((shape, i) => graph.rows(graph.input(`x${i}`, shape, 'float32')));
  body(graph, names).forEach(([name, shape], i) => {
    graph.output(`y${i}`, graph.value(name, shape), true);
  });
  return graph.build();
}

/** What computes, but for Reshapes and copies. */
const ops = ({ nodes }: StepGraph): string[] => nodes.map(({ op }) => op).filter((op) => !/Reshape|Identity/.test(op));

/** The graph in blocks, which gives what it gave before. */
function blocked(shapes: readonly number[][], body: Body): StepGraph {
  const graph = graphOf(shapes, body);
  const changed = rewritten(graph, [blockedProducts]);
  const given = shapes.map((shape) => floats(shape));
  const [before, now] = [graph, changed].map((one) => ran(cutGraph(one), given, graph.outputs));
  now!.forEach((numbers, i) => void expect(relativeError(numbers, before![i]!)).toBeLessThan(1e-5));
  return changed;
}

const gemm = (graph: GraphBuilder, inputs: string[], shape: number[], transA = 0, transB = 0) => {
  const name = graph.node('Gemm', inputs, { transA, transB });
  graph.value(name, shape);
  return name;
};
const [m, k, n] = [512, 256, 384];

skipIf(!hasBlocks() && 'products in blocks are for AVX-512').describe('on processors with AVX-512', () => {
  for (const [transA, transB] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ] as const) {
    for (const bias of [false, true]) {
      it(`a product, ${transA ? 'left' : ''} ${transB ? 'right' : ''} transposed, ${bias ? 'with' : 'without'} a bias`, () => {
        const shapes = [transA ? [k, m] : [m, k], transB ? [n, k] : [k, n], ...(bias ? [[n]] : [])];
        const graph = blocked(shapes, (g, names) => [[gemm(g, names, [m, n], transA, transB), [m, n]]]);
        expect(ops(graph)).toEqual(['ReorderInput', 'ReorderInput', 'Conv', 'ReorderOutput']);
      });
    }
  }

  it('small products, and those of sizes that blocks do not divide, stay', () => {
    for (const sizes of [
      [512, 120, 768],
      [512, 264, 384],
      [128, 128, 512],
    ] as const) {
      const [a, b, c] = sizes;
      const graph = graphOf(
        [
          [a, b],
          [b, c],
        ],
        (g, names) => [[gemm(g, names, [a, c]), [a, c]]],
      );
      expect(ops(rewritten(graph, [blockedProducts]))).toEqual(['Gemm']);
    }
  });

  it('from one product to the next, through an activation, and into both gradients, nothing is arranged anew', () => {
    const graph = blocked([[m, k], [k, n], [n], [n, k], [m, k]], (g, [x, w, bias, v, dy]) => {
      const plain = gemm(g, [x, w], [m, n]);
      const [y, slope] = g.kernel(
        'biasedActivation',
        [plain, g.written(bias)],
        [
          [m, n],
          [m, n],
        ],
        [m, n, 1],
      );
      g.value(y, [m, n]);
      g.value(slope, [m, n]);
      const out = gemm(g, [y, v], [m, k]);
      const back = gemm(g, [dy, v], [m, n], 0, 1);
      const dv = gemm(g, [y, dy], [n, k], 1);
      const dPlain = g.node('Mul', [back, slope]);
      g.value(dPlain, [m, n]);
      const dBias = g.node('ReduceSum', [dPlain, g.int64([0])], { keepdims: 0 });
      g.value(dBias, [n]);
      const dw = gemm(g, [x, dPlain], [k, n], 1);
      return [
        [out, [m, k]],
        [dv, [n, k]],
        [dBias, [n]],
        [dw, [k, n]],
      ];
    });
    const count = (op: string) => ops(graph).filter((other) => other === op).length;
    // Inputs and weights: x twice, w, v twice, dy twice. Results: all that are matrices.
    expect([count('ReorderInput'), count('Conv'), count('ReorderOutput')]).toEqual([7, 5, 3]);
    expect(graph.nodes.find(({ domain }) => domain === kernelDomain)!.op).toBe('activation');
  });

  it('sums of products go on from one to the next, unless others read them too', () => {
    const shapes = [
      [m, k],
      [k, n],
      [m, k],
      [k, n],
    ];
    const sum =
      (isRead: boolean): Body =>
      (g, [x, w, y, v]) => {
        const made = [gemm(g, [x, w], [m, n]), gemm(g, [y, v], [m, n])];
        const seen = made.map((name) => g.node('Reshape', [name, g.int64([2, m / 2, n])]));
        for (const name of seen) g.value(name, [2, m / 2, n]);
        const added = g.node('Add', seen);
        g.value(added, [2, m / 2, n]);
        return [[added, [2, m / 2, n]], ...(isRead ? made.map((name): [string, number[]] => [name, [m, n]]) : [])];
      };
    expect(ops(blocked(shapes, sum(false))).filter((op) => op === 'Conv' || op === 'Add')).toEqual(['Conv', 'Conv']);
    expect(ops(blocked(shapes, sum(true))).filter((op) => op === 'Add')).toEqual(['Add']);
  });

  it('what is computed number by number is computed in blocks', () => {
    const graph = blocked(
      [
        [m, k],
        [k, n],
        [n, k],
      ],
      (g, [x, w, v]) => {
        const made = (op: string, ...inputs: string[]) => {
          const name = g.node(op, inputs);
          g.value(name, [m, n]);
          return name;
        };
        const y = made('Relu', gemm(g, [x, w], [m, n]));
        const step = made('Clip', made('Mul', y, g.float(1e3)), g.float(0), g.float(1));
        return [[gemm(g, [made('Sub', y, step), v], [m, k]), [m, k]]];
      },
    );
    expect(ops(graph).filter((op) => op === 'ReorderOutput')).toHaveLength(1);
  });

  it('layer normalization between products, its gradient and the sum with what goes around it, nothing is arranged anew', () => {
    const shapes = [[m, k], [k, n], [n], [n], [n, k], [k, n], [m, n]];
    const graph = blocked(shapes, (g, [x, w, scale, offset, v, u, around]) => {
      const made = gemm(g, [x, w], [m, n]);
      const x3 = g.node('Reshape', [made, g.int64([2, m / 2, n])]);
      g.value(x3, [2, m / 2, n]);
      const attributes = { axis: -1, epsilon: { float: 1e-5 } };
      const [y, mean, inverse] = g.nodes('LayerNormalization', [x3, scale, offset], 3, attributes);
      g.value(y, [2, m / 2, n]);
      for (const name of [mean, inverse]) g.value(name, [2, m / 2, 1]);
      const rows = g.node('Reshape', [y, g.int64([m, n])]);
      g.value(rows, [m, n]);
      const out = gemm(g, [rows, v], [m, k]);
      const dy = gemm(g, [out, u], [m, n]);
      const dv = gemm(g, [rows, out], [n, k], 1);
      const more = gemm(g, [around, gemm(g, [v, u], [n, n])], [m, n]);
      const given = [x3, mean, inverse, g.written(scale), dy];
      const [dx, dScale, dOffset] = g.kernel('layerNormGradient', given, [[m, n], [n], [n]], [m, n]);
      const sum = g.node('Add', [more, dx]);
      g.value(sum, [m, n]);
      return [
        [gemm(g, [sum, v], [m, k]), [m, k]],
        [dv, [n, k]],
        [dScale, [n]],
        [dOffset, [n]],
        [mean, [2, m / 2, 1]],
      ];
    });
    const kernels = graph.nodes.filter(({ domain }) => domain === kernelDomain).map(({ op }) => op);
    expect(kernels).toEqual(['blockedLayerNorm', 'turnBlocks', 'blockedLayerNormGradient']);
    expect(ops(graph).filter((op) => /^(Add|LayerNormalization|layerNormGradient)$/.test(op))).toEqual([]);
    // Of results, and of the product of weights, which is as large as it is.
    expect(ops(graph).filter((op) => op === 'ReorderOutput').length).toBeLessThanOrEqual(3);
  });

  it('heads are taken out of blocks and put back', () => {
    const [batch, heads, places, size] = [4, 8, 128, 32];
    const rows = batch * places;
    const graph = blocked(
      [
        [rows, k],
        [k, k],
        [k, k],
      ],
      (g, [x, w, v]) => {
        const product = gemm(g, [x, w], [rows, k]);
        const apart = g.node('Reshape', [product, g.int64([batch, places, heads, size])]);
        g.value(apart, [batch, places, heads, size]);
        const turned = g.node('Transpose', [apart], { perm: [0, 2, 1, 3] });
        g.value(turned, [batch, heads, places, size]);
        const back = g.node('Transpose', [turned], { perm: [0, 2, 1, 3] });
        g.value(back, [batch, places, heads, size]);
        const flat = g.node('Reshape', [back, g.int64([rows, k])]);
        g.value(flat, [rows, k]);
        return [[gemm(g, [flat, v], [rows, k]), [rows, k]]];
      },
    );
    expect(ops(graph).filter((op) => op === 'Transpose')).toHaveLength(2);
    expect(ops(graph).filter((op) => op === 'ReorderOutput')).toHaveLength(1);
  });

  it('attention between products: heads, scores and shares stay in blocks, and so do all gradients', () => {
    const [batch, heads, places, size] = [8, 8, 64, 32];
    const [rows, width] = [batch * places, heads * size];
    const [flat, square] = [
      [rows, width],
      [batch, heads, places, places],
    ];
    const weights = [width, width];
    const graph = blocked([flat, weights, weights, weights, flat], (g, [x, wq, wk, wv, dy]) => {
      const node = (op: string, inputs: string[], shape: number[], attributes = {}, domain?: string) => {
        const name = g.node(op, inputs, attributes, domain);
        g.value(name, shape);
        return name;
      };
      const [apart, turned] = [
        [batch, places, heads, size],
        [batch, heads, places, size],
      ];
      const perm = [0, 2, 1, 3];
      const headsOf = (from: string, w: string) => {
        const seen = node('Reshape', [gemm(g, [from, w], flat), g.int64(apart)], apart);
        return node('Transpose', [seen], turned, { perm });
      };
      const together = (name: string) =>
        node('Reshape', [node('Transpose', [name], apart, { perm }), g.int64(flat)], flat);
      const times = (a: string, b: string, shape: number[], transA = 0, transB = 0) =>
        node('FusedMatMul', [a, b], shape, { transA, transB }, 'com.microsoft');
      const kernel = (op: string, given: string[]) =>
        g.kernel(op, given, [square], [batch * heads, places, places, 1, size, 0])[0]!;
      const [q, k, v, d] = [headsOf(x, wq), headsOf(x, wk), headsOf(x, wv), headsOf(dy, wv)] as const;
      const shares = kernel('attentionShares', [times(q, k, square, 0, 1)]);
      const slopes = kernel('attentionSlopes', [shares, times(d, v, square, 0, 1)]);
      const made = [[shares, v] as const, [slopes, k] as const].map(([a, b]) => times(a, b, turned));
      made.push(times(slopes, q, turned, 1), times(shares, d, turned, 1));
      return made.map((name): [string, number[]] => [gemm(g, [together(name), wk], flat), flat]);
    });
    expect(ops(graph).filter((op) => /FusedMatMul|Transpose/.test(op))).toEqual([]);
    expect(ops(graph).filter((op) => op === 'ReorderOutput')).toHaveLength(4);
  });

  it.each<Record<string, unknown>>([{}, { keyValueHeads: 2 }, { dropout: 0.1 }, { rotary: true }])(
    'a decoder trains as it does without: %j',
    async (options) => {
      const [places, count] = [64, 32];
      const layers: LayerConfig[] = [
        { tokenAndPositionEmbedding: { width: 128 } },
        { transformerDecoder: { heads: 4, feedForward: 512, activation: 'geluTanh' as const, ...options } },
        { logits: {} },
      ];
      const loss = 'sparseCategoricalCrossentropy' as const;
      const step = await createStepModel(specOf({ layers, input: [places], places, classes: 65, loss, bytes: true }));
      const graph = compileGradients(step, count);
      const parameters = initialParameters(step);
      const [ours, portable] = await Promise.all(
        [graph, { ...graph.portable!, noise: graph.noise }].map(async (one) => {
          const model = {
            layout: step.layout,
            fields: step.fields,
            gradients: new Map([[count, one]]),
            evaluations: new Map(),
          };
          const slabs = new PrivateMemory([parameters.byteLength, parameters.byteLength]);
          const [weights, gradients] = [slabs.floats(parameters.length), slabs.floats(parameters.length)];
          weights.set(parameters);
          const engine = new OnnxEngine(model, weights);
          for (const numbers of engine.buffers(count)) numbers.set(numbers.map((_, i) => (i * 7 + (i >> 3)) % 65));
          await engine.computeGradients(count, { seed: 1, step: 1, shard: 0 }, gradients);
          await engine.dispose();
          return gradients;
        }),
      );
      expect(relativeError(ours!, portable!)).toBeLessThan(1e-4);
    },
  );

  it('other processors are sent the products as they were, and know the graph of the run', async () => {
    const dense = { dense: { units: 512, activation: 'relu' as const } };
    const step = await createStepModel(specOf({ layers: [dense, dense], input: [512], target: [512] }));
    const graph = compileGradients(step, 512);
    const texts = (subgraphs: typeof graph.subgraphs) =>
      subgraphs.map((part) => (part.kind === 'session' ? Buffer.from(part.bytes).toString('latin1') : '')).join();
    const engine = {
      kind: 'onnx' as const,
      models: [
        { layout: step.layout, fields: step.fields, gradients: new Map([[512, graph]]), evaluations: new Map() },
      ],
    };
    const other = portableEngine(engine);
    if (other.kind !== 'onnx') throw new Error('another engine');
    expect(texts(graph.subgraphs)).toContain(blockDomain);
    expect(texts(other.models[0]!.gradients.get(512)!.subgraphs)).not.toContain(blockDomain);
    expect(graphHash(other)).toBe(graphHash(engine));
  });
});

describe('a convolution of blocks that somebody else sent', () => {
  const float = (name: string, shape: number[]) => ({ name, shape, type: 'float32' as const });
  const sizes = (name: string, list: number[]) => ({
    name,
    type: 'int64' as const,
    shape: [list.length],
    data: BigInt64Array.from(list, BigInt),
  });
  interface Changes {
    readonly image?: number[];
    readonly filter?: number[];
    readonly bias?: number[];
    readonly attributes?: Record<string, number | readonly number[]>;
    readonly inputs?: string[];
    readonly given?: string;
  }
  const sent = ({ image = [1, 32, 1, 5], filter = [16, 32, 1, 1], bias = [16], ...more }: Changes) => {
    const { attributes = { kernel_shape: [1, 1] }, inputs = ['a', 'b', 'c'], given } = more;
    const reshape = (from: string, to: string) => ({
      op: 'Reshape',
      inputs: [from, `${to}Sizes`],
      outputs: [to],
      attributes: {},
    });
    const graph: OnnxGraph = {
      nodes: [
        ...[
          ['x', 'a'],
          ['w', 'b'],
          ['v', 'c'],
        ].map(([from, to]) => reshape(from!, to!)),
        { op: 'Conv', inputs, outputs: ['y'], attributes, domain: blockDomain },
      ],
      inputs: [float('x', [160]), float('w', [512]), float('v', [16]), ...(given ? [float(given, [4])] : [])],
      outputs: [float('y', [1, 16, 1, 5])],
      constants: [sizes('aSizes', image), sizes('bSizes', filter), sizes('cSizes', bias)],
    };
    return () => inspectModel(encodeModel(graph));
  };
  it('passes where its sizes are known to fit', () => {
    expect(sent({})().outputs).toHaveLength(1);
    expect(sent({ inputs: ['a', 'b'] })().outputs).toHaveLength(1);
    const grouped = { filter: [32, 16, 1, 1], bias: [32], attributes: { kernel_shape: [1, 1], group: 2 } };
    expect(sent(grouped)().outputs).toHaveLength(1);
  });
  const wrong: Record<string, Changes> = {
    'channels that blocks do not divide': { image: [1, 40, 1, 4], filter: [16, 40, 1, 1] },
    'filters that blocks do not divide': { filter: [8, 32, 1, 1], bias: [8] },
    'other channels than its filters': { filter: [16, 16, 1, 1] },
    'a bias of another length': { bias: [32] },
    'sizes that are left to be found': { image: [1, 32, 1, -1] },
    'channels of several groups': { image: [1, 32, 1, 5], filter: [32, 16, 1, 1], bias: [32] },
    'no groups': { attributes: { kernel_shape: [1, 1], group: 0 } },
    'groups that do not divide its filters': { filter: [16, 16, 1, 1], attributes: { kernel_shape: [1, 1], group: 2 } },
    'a larger window': { attributes: { kernel_shape: [1, 3] } },
    'more attributes': { attributes: { kernel_shape: [1, 1], strides: [1, 1] } },
    'an image that nothing has given a shape': { inputs: ['x', 'b', 'c'] },
    'a fifth input': { inputs: ['a', 'b', 'c', 'a', 'a'] },
    'a bias of which nothing is known': { inputs: ['a', 'b', 'v'] },
    'sizes that may be given': { given: 'bSizes' },
  };
  it.each(Object.entries(wrong))('is refused with %s', (_, changes) => {
    expect(sent(changes)).toThrow(/convolution of blocks has inputs that are not known to fit/);
  });
});
