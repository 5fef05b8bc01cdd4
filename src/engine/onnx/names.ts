/** Names of graph inputs and outputs that the compiler writes and the session reads. */
export const parameterName = (index: number): string => `parameter${index}`;
export const gradientName = (index: number): string => `gradient${index}`;
export const noiseName = (index: number): string => `noise${index}`;
export const metricName = (index: number): string => `metric${index}`;
/** Outputs that only graphs with places that do not count have. */
export const divisorName = 'divisor';
export const validName = 'valid';
