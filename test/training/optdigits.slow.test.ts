/** Real data: configs/optdigits.yaml on UCI's digits, where they lie beside the package, from CSV and from Parquet. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/folder.js';
import { configFile, optdigitsFolder } from '../support/package.js';
import { resultOf, trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';

const config = configFile('optdigits.yaml');
const missing = !existsSync(optdigitsFolder) && `there is no folder ${optdigitsFolder}`;

const [training, test] = ['tra', 'tes'].map((end) => join(optdigitsFolder, `optdigits.${end}`));

/** The first rows of a file, below its header: enough to tell whether they are read alike. */
function rowsOf(csv: string): string[] {
  return readFileSync(csv, 'utf8').split(/\r?\n/).slice(0, 601);
}

function written(rows: readonly string[], file: string): string {
  writeFileSync(file, `${rows.join('\n')}\n`);
  return file;
}

/** The same rows by another writer. */
function toParquet(lines: readonly string[], file: string): string {
  const [names, ...rows] = lines.map((line) => line.split(','));
  const columnData = names.map((name, i) => ({
    name,
    data: rows.map((row) => Number(row[i])),
    type: 'INT32' as const,
  }));
  writeFileSync(file, Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 250 })));
  return file;
}

skipIf(missing).describe('configs/optdigits.yaml', () => {
  const folder = temporaryFolder();

  it('reads 96 % of the digits of other writers, the same from CSV with and without header and from Parquet', async () => {
    const csv = await trained(config, [`data.file=${training}`, `data.test=${test}`], folder);
    expect(csv.start).toMatchObject({ training: 3441, validation: 382, test: 1797, epochs: 20 });
    expect(csv.end.test!.accuracy).toBeGreaterThanOrEqual(0.96);
    const rows = [training, test].map(rowsOf);
    const headed = rows.map((lines, i) => written(lines, join(folder, `headed-${i}.csv`)));
    const bare = rows.map(([, ...lines], i) => written(lines, join(folder, `bare-${i}.csv`)));
    // Other data would show after an epoch.
    const one = 'training.epochs=1';
    const wanted = resultOf(await trained(config, [`data.file=${headed[0]}`, `data.test=${headed[1]}`, one], folder));
    const overrides = [`data.file=${bare[0]}`, `data.test=${bare[1]}`, 'data.header=false', 'data.target=c65', one];
    expect(resultOf(await trained(config, overrides, folder))).toEqual(wanted);
    const files = {
      file: toParquet(rows[0], join(folder, 'training')),
      test: toParquet(rows[1], join(folder, 'test')),
    };
    const data = { source: 'parquet', ...files, target: 'Class', targetType: 'class', stratify: true };
    const parquet = await trained(config, [`data=${JSON.stringify(data)}`, one], folder);
    expect(resultOf(parquet)).toEqual(wanted);
  });
});
