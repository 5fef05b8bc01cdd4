/** Predictions as tests ask for them. */
import { expect } from 'vitest';
import type { GivenInputs } from '../../coordinator/inference/input-batches.js';
import {
  type PredictedValue,
  type Prediction,
  type PredictOptions,
  predict,
} from '../../coordinator/inference/predict.js';
import type { LockstepError } from '../../src/errors.js';
import { lockstepServed } from './cli.js';

/** What `lockstep predict` prints, when it has nothing to complain of. */
export async function predictionOutput(args: readonly string[], folder: string): Promise<string> {
  const { code, stdout, stderr } = await lockstepServed(['predict', ...args], folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** The numbers of a target, all of whose places count. */
export function numbersOf({ values = [] }: PredictedValue): readonly number[] {
  expect(values).not.toContain(null);
  return values as readonly number[];
}

export const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);

/** The predictions of a run's final model. */
export const predictedRows = (place: string, input: string, top?: number): Promise<Prediction[]> =>
  namedRows(place, input, { top });

/** The same for inputs in whatever way they are given. */
export async function namedRows(
  place: string,
  input: GivenInputs,
  more: Partial<PredictOptions> = {},
): Promise<Prediction[]> {
  const rows: Prediction[] = [];
  for await (const row of (await predict(place, input, { model: 'final', top: 3, ...more })).rows) rows.push(row);
  return rows;
}

/** The problem that an action is refused with; undefined when it is not. */
export const refusal = (action: Promise<unknown>): Promise<string | undefined> =>
  action.then(
    () => undefined,
    (error: LockstepError) => error.problem,
  );
