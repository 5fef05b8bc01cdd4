/**
 * Columns of every kind, as pandas and R write them, from CSV and Parquet: what each is read as, with which values, and what is
 * said of it. What is refused names the setting that reads it, and with that setting the values are those of pandas.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import type { Dataset } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import { DataError } from '../../src/errors.js';
import { temporaryFolder } from '../support/folder.js';
import { rowsOf, tableEncoding } from '../support/tables.js';

interface Case {
  readonly name: string;
  /** The column x, and y to predict. */
  readonly csv: string;
  /** Base64. */
  readonly parquet?: string;
  /** Of column x; null where one is missing. */
  readonly values?: readonly (number | null)[];
  readonly parquetValues?: readonly number[];
  /** Of a date, one row each. */
  readonly parts?: readonly (readonly number[])[];
  readonly type?: string;
  /** How the file is read at first; what is refused then, and the remedy. */
  readonly base?: object;
  readonly refused?: string;
  readonly remedy?: string;
  /** In Parquet, which has no settings for text. */
  readonly parquetRemedy?: string;
  /** What reads it; for what is refused, the remedy followed. */
  readonly config?: object;
  readonly warned?: string;
  readonly leftOut?: string;
  readonly parquetLeftOut?: string;
}

// By scripts/peers/table_columns.py: pandas 3.1, pyarrow; R's files as R 4 writes them.
const fixture = new URL('../fixtures/table-columns.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(fixture, 'utf8')) as { cases: readonly Case[] };
const folder = temporaryFolder();

async function read(data: object): Promise<{ dataset: Dataset; warnings: string[] }> {
  const warnings: string[] = [];
  const config = dataSchema.parse({ target: 'y', validation: 0, test: 0, ...data });
  const dataset = await loadDataset(config, 0, { warn: (message) => warnings.push(message) });
  return { dataset, warnings };
}

/** The numbers that features stand for, before they were standardized. */
function unscaled(dataset: Dataset): number[][] {
  const { columns } = tableEncoding(dataset);
  return rowsOf(dataset.examples).map((row) =>
    row.map((value, i) => {
      const column = columns[i];
      return !('scale' in column) ? value : value / column.scale + column.mean;
    }),
  );
}

function expectClose(found: readonly number[], wanted: readonly (number | null)[], what: string): void {
  const known = wanted.filter((value) => value !== null);
  const tolerance = 1e-6 * Math.max(1, ...known.map(Math.abs).map((size) => (size > 1e6 ? 1e-3 * size : size)));
  expect(found.length, what).toBe(wanted.length);
  wanted.forEach((value, i) => {
    if (value !== null)
      expect(Math.abs(found[i] - value), `${what}, row ${i}: ${found[i]} for ${value}`).toBeLessThan(tolerance);
  });
}

const sources = (['csv', 'parquet'] as const).flatMap((source) =>
  cases
    .filter((each) => source === 'csv' || each.parquet)
    .map((each) => ({ source, title: `${each.name} (${source})`, each })),
);

describe('a column of a table', () => {
  it.each(sources)('$title', async ({ source, each }) => {
    const isCsv = source === 'csv';
    const file = join(folder, `${cases.indexOf(each)}.${source}`);
    writeFileSync(file, isCsv ? each.csv : Buffer.from(each.parquet!, 'base64'));
    if (each.refused !== undefined) {
      const error = await read({ source, file, ...(isCsv && each.base) }).catch((reason) => reason);
      expect(error).toBeInstanceOf(DataError);
      expect(error.problem).toContain('column x ');
      expect(error.problem).toContain(each.refused);
      expect(error.remedy).toContain(isCsv ? each.remedy : (each.parquetRemedy ?? each.remedy));
      if (!each.config || (!isCsv && each.parquetRemedy)) return;
    }
    const { dataset, warnings } = await read({ source, file, ...(isCsv && each.base), ...each.config });
    if (each.warned === undefined) expect(warnings).toEqual([]);
    else expect(warnings).toEqual([expect.stringContaining(each.warned)]);
    const shown = dataset.columns!.shown;
    if (each.type) expect(shown.find(({ name }) => name === 'x')).toMatchObject({ role: 'feature', type: each.type });
    expect(shown.find(({ name }) => name === 'y')).toMatchObject({ role: 'target', type: 'number' });
    const leftOut = isCsv ? each.leftOut : each.parquetLeftOut;
    expect(shown.filter(({ role }) => role === 'left out').map(({ name }) => name)).toEqual(leftOut ? [leftOut] : []);
    const values = (!isCsv && each.parquetValues) || each.values;
    if (!values && !each.parts) return;
    const found = unscaled(dataset);
    if (values)
      expectClose(
        found.map(([value]) => value),
        values,
        each.name,
      );
    for (const [i, row] of (each.parts ?? []).entries()) expectClose(found[i], row, each.name);
  });
});
