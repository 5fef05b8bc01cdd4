import { isPlain } from '../../data/examples.js';
import type { Field } from '../../data/field.js';

/** Names of graph inputs and outputs that the compiler writes and the session reads. */
export const parameterName = (index: number): string => `parameter${index}`;
export const gradientName = (index: number): string => `gradient${index}`;
export const noiseName = (index: number): string => `noise${index}`;
export const metricName = (index: number): string => `metric${index}`;
/** Of a field of the batch. Those that a config names get a name apart, which no node of the graph can have. */
export const fieldName = (field: Pick<Field, 'name' | 'role'>): string =>
  isPlain(field) ? field.name : `field_${field.name}`;
/** Outputs that only graphs with places that do not count have. */
export const divisorName = 'divisor';
export const validName = 'valid';
