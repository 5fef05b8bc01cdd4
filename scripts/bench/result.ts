/** What a benchmark writes with --json, and a history has a line of for each run. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { DataError } from '../../src/errors.js';
import { unitNames } from './rows.js';

/** Where `npm run bench` writes one unless told otherwise. */
export const defaultResultFile = 'bench.json';

const figures = z.array(z.number().positive()).min(1).readonly();

const rowSchema = z
  .object({
    section: z.string(),
    what: z.string(),
    unit: z.enum(unitNames),
    ours: figures,
    peer: z.object({ name: z.string(), software: z.string(), values: figures }).optional(),
    target: z.number().optional(),
  })
  .refine(({ ours, peer }) => !peer || peer.values.length === ours.length, 'ours and the peer differ in length');

const resultSchema = z.object({
  /** When it began, ISO 8601. */
  at: z.iso.datetime(),
  /** Only results of one machine are comparable. */
  machine: z.string(),
  node: z.string(),
  /** Before it began. */
  load: z.number(),
  pairs: z.number(),
  seconds: z.number(),
  quick: z.boolean(),
  rows: z.array(rowSchema).min(1).readonly(),
});

export type BenchResult = z.infer<typeof resultSchema>;

/**
 * Only what a history needs is kept.
 * @param where for people: the file, and the line
 * @throws DataError when the text is no result of a benchmark
 */
export function parseResult(text: string, where: string): BenchResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw notAResult(where, (error as Error).message);
  }
  const { success, data, error } = resultSchema.safeParse(value);
  if (success) return data;
  const [{ path, message }] = error.issues;
  throw notAResult(where, `${path.join('.') || 'the whole'}: ${message}`);
}

const notAResult = (where: string, why: string): DataError =>
  new DataError(
    `${where} is no result of a benchmark: ${why}`,
    'mend or remove it; npm run bench -- --json FILE writes one',
  );

/** @throws DataError when there is no such file */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new DataError(`${file} cannot be read: ${(error as Error).message}`, 'npm run bench writes one');
  }
}
