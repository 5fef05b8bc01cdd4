/**
 * Lowerings of recurrent layers: loops over the steps of a sequence, there and back. All is [units, batch] inside: so the left
 * factors of a step's products are the weights, which ONNX Runtime reads where they are, and it packs but the small state.
 */
import type { Lowerings } from './lowering.js';
import { recurrenceBackward } from './recurrence-backward.js';
import { recurrenceForward } from './recurrence-forward.js';
import { cells } from './recurrent-cells.js';

export const recurrenceLowerings: Lowerings = Object.fromEntries(
  Object.entries(cells).flatMap(([name, cell]) => [
    [`${name}Steps`, recurrenceForward(cell)],
    [`${name}StepsGrad`, recurrenceBackward(cell)],
  ]),
);
