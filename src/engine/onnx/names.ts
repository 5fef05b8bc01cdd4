import { type Field, isPlain } from '../../data/field.js';

/** Names of graph inputs and outputs that the compiler writes and the session reads. */
export const parameterName = (index: number): string => `parameter${index}`;
export const gradientName = (index: number): string => `gradient${index}`;
export const noiseName = (index: number): string => `noise${index}`;
/** Name of a field of the batch. Fields that the config names get a prefix that no node of the graph has. */
export const fieldName = (field: Pick<Field, 'name' | 'role'>): string =>
  isPlain(field) ? field.name : `field_${field.name}`;
/** Output of a training step in which places may not count: what the loss is divided by. */
export const divisorName = 'divisor';

/** Outputs of an evaluation for one target; those of a target that has a name carry it. */
export function headNames(target: Pick<Field, 'name' | 'role'>) {
  const end = isPlain(target) ? '' : `_${target.name}`;
  return {
    outputs: `outputs${end}`,
    losses: `losses${end}`,
    metric: (index: number) => `metric${index}${end}`,
    // Only in graphs in which places may not count.
    divisor: `${divisorName}${end}`,
    valid: `valid${end}`,
  };
}
