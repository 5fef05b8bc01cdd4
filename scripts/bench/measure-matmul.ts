/**
 * One measurement of ONNX Runtime's matrix products, the library that steps run in: `node measure-matmul.js JSON` with a
 * MatmulCase. Operands come from outside, as weights and batches do.
 */
import { fileURLToPath } from 'node:url';
import { encodeModel } from '../../src/engine/onnx/proto.js';
import { createSession, runtimeVersion } from '../../src/engine/onnx/runtime.js';
import type { SessionTensor } from '../../src/engine/onnx/session-tensor.js';
import { PrivateMemory } from '../../src/engine/private-memory.js';
import { elements } from '../../src/ground/elements.js';
import { measure } from './measurement.js';
import { flopsOf, type Product } from './products.js';

export interface MatmulCase {
  readonly threads: number;
  /** Of each group. */
  readonly seconds: number;
  readonly groups: readonly (readonly Product[])[];
}

/** Of the products of a group, each computed equally often. */
export interface MatmulRate {
  /** GFLOP/s over all repetitions. */
  readonly rate: number;
  /** GFLOP/s, had each repetition been as fast as the fastest one. */
  readonly best: number;
}

export interface MatmulMeasurement {
  readonly software: string;
  readonly groups: readonly MatmulRate[];
}

const program = fileURLToPath(import.meta.url);

/** Measures in a process of its own. */
export function measureMatmul(matmulCase: MatmulCase): Promise<MatmulMeasurement> {
  return measure(process.execPath, [program, JSON.stringify(matmulCase)], secondsOf(matmulCase));
}

export const secondsOf = ({ seconds, groups }: MatmulCase): number => seconds * groups.length;

const warmUp = 2;
const fewest = 3;

interface Times {
  /** Milliseconds. */
  readonly mean: number;
  readonly fastest: number;
}

function time([m, k, n]: Product, threads: number, seconds: number): Times {
  const port = (name: string, shape: number[]) => ({ name, shape, type: 'float32' as const });
  const model = encodeModel({
    nodes: [{ op: 'MatMul', inputs: ['a', 'b'], outputs: ['c'], attributes: {} }],
    inputs: [port('a', [m, k]), port('b', [k, n])],
    outputs: [port('c', [m, n])],
    constants: [],
  });
  const session = createSession(model, threads);
  const memory = new PrivateMemory([m * k, k * n, m * n].map((floats) => floats * 4));
  const tensor = (...shape: number[]): SessionTensor => {
    const data = memory.floats(elements(shape));
    for (let i = 0; i < data.length; i++) data[i] = (i % 7) - 3;
    return { type: 'float32', shape, data };
  };
  const run = session.bind({ a: tensor(m, k), b: tensor(k, n) }, { c: tensor(m, n) });
  for (let i = 0; i < warmUp; i++) run();
  const started = performance.now();
  let [now, fastest, count] = [started, Number.POSITIVE_INFINITY, 0];
  while (count < fewest || now - started < seconds * 1000) {
    run();
    const before = now;
    now = performance.now();
    fastest = Math.min(fastest, now - before);
    count++;
  }
  session.release();
  return { mean: (now - started) / count, fastest };
}

function main({ threads, seconds, groups }: MatmulCase): void {
  const rates: MatmulRate[] = [];
  for (const products of groups) {
    let [mean, fastest] = [0, 0];
    for (const product of products) {
      const times = time(product, threads, seconds / products.length);
      mean += times.mean;
      fastest += times.fastest;
    }
    const flops = flopsOf(products);
    rates.push({ rate: flops / mean / 1e6, best: flops / fastest / 1e6 });
  }
  const measurement: MatmulMeasurement = { software: `ONNX Runtime ${runtimeVersion()}`, groups: rates };
  process.stdout.write(`${JSON.stringify(measurement)}\n`);
}

if (process.argv[1] === program) main(JSON.parse(process.argv[2]) as MatmulCase);
