/** Counts of messages that wrap around, as 32 bits of the wire do. */

export const next = (count: number): number => (count + 1) % 2 ** 32;

/** Whether a count has reached another. */
export const reached = (count: number, other: number): boolean => ((count - other) | 0) >= 0;
