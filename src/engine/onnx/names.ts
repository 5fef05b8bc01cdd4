import { type Field, isPlain } from '../../data/field.js';

/** Names of graph inputs and outputs that the compiler writes and the session reads. */
export const parameterName = (index: number): string => `parameter${index}`;
export const isParameterName = (name: string): boolean => /^parameter\d+$/.test(name);
export const gradientName = (index: number): string => `gradient${index}`;
export const noiseName = (index: number): string => `noise${index}`;
/** Of a step in float16: what the loss is multiplied by, and what its gradients are then. */
export const lossScaleName = 'lossScale';
export const inverseScaleName = 'inverseLossScale';
/** Whether a graph is a step in float16. */
export const isScaled = ({
  subgraphs,
}: {
  readonly subgraphs: readonly { readonly inputs: readonly string[] }[];
}): boolean => subgraphs.some(({ inputs }) => inputs.includes(lossScaleName));
/** Of a field of the batch. Those that a config names get a name apart, which no node of the graph can have. */
export const graphInputName = (field: Pick<Field, 'name' | 'role'>): string =>
  isPlain(field) ? field.name : `field_${field.name}`;
/** Output of a training step with places that do not count. */
export const divisorName = 'divisor';

/** Outputs of an evaluation for one target; those of a target that has a name carry it. */
export function headNames(target: Pick<Field, 'name' | 'role'>) {
  const end = isPlain(target) ? '' : `_${target.name}`;
  return {
    outputs: `outputs${end}`,
    losses: `losses${end}`,
    metric: (index: number) => `metric${index}${end}`,
    /** Those that only graphs with places that do not count have. */
    divisor: `${divisorName}${end}`,
    valid: `valid${end}`,
  };
}
