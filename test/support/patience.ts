/**
 * Milliseconds that tests wait for what is sure to come. It comes at once where the machine has time; where it has none, or it never comes,
 * only the wait is longer.
 */
export const patience = 180_000;
