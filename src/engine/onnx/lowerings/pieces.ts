/** Building blocks of lowerings. */
import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import type { ElementType } from '../proto.js';
import type { StoredValue } from '../storage.js';

/** TensorProto.DataType, as Cast has it. */
export const typeCode = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 } as const;

/** The same numbers in another shape. */
export const seenAs = ({ storage }: StoredValue, shape: readonly number[]): StoredValue => ({ storage, shape });

/** Name of a value's numbers as another type. */
export function castRows(
  graph: GraphBuilder,
  value: StoredValue,
  type: ElementType,
  shape: readonly number[] = value.shape,
): string {
  const name = graph.rows(value, shape);
  return value.storage.type === type ? name : graph.node('Cast', [name], { to: typeCode[type] });
}

/** The value with its axes in another order. */
export function permuted(graph: GraphBuilder, value: StoredValue, perm: readonly number[]): StoredValue {
  const shape = perm.map((axis) => value.shape[axis]!);
  const long = perm.filter((axis) => value.shape[axis] !== 1);
  // Moving axes of length one moves no number.
  if (long.every((axis, i) => i === 0 || axis > long[i - 1]!)) return seenAs(value, shape);
  return graph.value(graph.node('Transpose', [graph.rows(value)], { perm }), shape, value.storage.type);
}

/** Name of a tensor of zeros, or of another number, that takes no room in the graph. */
export const filled = (graph: GraphBuilder, shape: readonly number[], type: ElementType, value = 0): string =>
  graph.node('Expand', [graph.scalar(value, type), graph.int64(shape)]);

/** Elements of an axis in the order of `indices`. */
export const taken = (graph: GraphBuilder, name: string, axis: number, indices: readonly number[]): string =>
  graph.node('Gather', [name, graph.int64(indices)], { axis });

/** Adds numbers up at places of a flat tensor of `length`. @param places int64 tensor, of the shape of `numbers` */
export const addedAt = (
  graph: GraphBuilder,
  length: number,
  places: string,
  numbers: string,
  count: number,
): string => {
  const flat = (name: string) => graph.node('Reshape', [name, graph.int64([count])]);
  const inputs = [filled(graph, [length], 'float32'), flat(places), flat(numbers)];
  return graph.node('ScatterElements', inputs, { axis: 0, reduction: 'add' });
};

export const isEmpty = ({ shape }: StoredValue): boolean => elements(shape) === 0;
