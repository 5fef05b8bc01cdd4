/** Element types: what a kernel does with whole numbers and booleans, where ONNX Runtime has only floats. */
import type { GraphBuilder } from '../graph.js';
import type { ElementType } from '../proto.js';
import type { StoredValue } from '../storage.js';
import { type Lowerings, unsupported } from './lowering.js';

export type Emit = (graph: GraphBuilder, ...names: string[]) => string;

/** How a kernel computes on each type that tfjs has. `same`: the result is the input. What is left out is refused. */
export interface ByType {
  readonly float32: Emit;
  /** `floats`: computed as floats, and cut to a whole number as tfjs cuts it. */
  readonly int32?: Emit | 'floats' | 'same';
  readonly bool?: Emit | 'same';
}

// TensorProto.DataType
const codes = { float32: 1, int32: 6, bool: 9, float64: 11 } as const;
export const castTo = (graph: GraphBuilder, name: string, type: keyof typeof codes): string =>
  graph.node('Cast', [name], { to: codes[type] });

/** The element type of one of tfjs's; strings and complex numbers have none. */
export function elementTypeOf(kernel: string, dtype: string): 'float32' | 'int32' | 'bool' {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  return unsupported(kernel, `elements of type ${dtype}`);
}

/** A number as JavaScript stores it in an array of this type. */
export function storedAs(value: number, type: ElementType): number {
  if (type === 'bool') return Number(value !== 0);
  return type === 'float32' ? Math.fround(value) : Math.trunc(value) | 0;
}

/** Floats or doubles cut to whole numbers; what is none, NaN and infinities, becomes 0, as in JavaScript's Int32Array. */
function wholeNumbers(graph: GraphBuilder, name: string, type: 'float32' | 'float64'): string {
  const infinite = graph.node('Or', [graph.node('IsNaN', [name]), graph.node('IsInf', [name])]);
  const zero = type === 'float32' ? graph.float(0) : castTo(graph, graph.float(0), 'float64');
  return castTo(graph, graph.node('Where', [infinite, zero, name]), 'int32');
}

/** One of two values by a condition; ONNX Runtime's Where takes no booleans. */
export function chosen(graph: GraphBuilder, type: ElementType, condition: string, yes: string, no: string): string {
  if (type !== 'bool') return graph.node('Where', [condition, yes, no]);
  const other = graph.node('And', [graph.node('Not', [condition]), no]);
  return graph.node('Or', [graph.node('And', [condition, yes]), other]);
}

/** Computes on doubles, which hold every whole number of 32 bits, and cuts the result to whole numbers. */
export const inDoubles =
  (emit: Emit): Emit =>
  (graph, ...names) =>
    wholeNumbers(graph, emit(graph, ...names.map((name) => castTo(graph, name, 'float64'))), 'float64');

/** The rule for values of this type; undefined where the result is the input. */
export function emitFor(kernel: string, rule: ByType, { storage }: StoredValue): Emit | undefined {
  const { type } = storage;
  if (type === 'float32') return rule.float32;
  const found = type === 'int32' ? rule.int32 : type === 'bool' ? rule.bool : undefined;
  if (found === undefined) return unsupported(kernel, `elements of type ${type}`);
  if (found === 'same') return undefined;
  if (found !== 'floats') return found;
  return (graph, ...names) =>
    wholeNumbers(graph, rule.float32(graph, ...names.map((name) => castTo(graph, name, 'float32'))), 'float32');
}

/** Lowerings that know floats only, and refuse other inputs. */
export function onFloats(lowerings: Lowerings): Lowerings {
  const guarded = Object.entries(lowerings).map(([kernel, lowering]): [string, Lowerings[string]] => [
    kernel,
    (graph, call) => {
      const other = call.list('inputs').find(({ storage }) => storage.type !== 'float32');
      if (other) unsupported(kernel, `elements of type ${other.storage.type}`);
      return lowering(graph, call);
    },
  ]);
  return Object.fromEntries(guarded);
}
