/** How many elements a tensor has. */

/** Elements of a shape. */
export const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
