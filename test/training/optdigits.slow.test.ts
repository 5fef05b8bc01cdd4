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

function withoutHeader(csv: string, file: string): string {
  const text = readFileSync(csv, 'utf8');
  writeFileSync(file, text.slice(text.indexOf('\n') + 1));
  return file;
}

/** The same rows by another writer. */
function toParquet(csv: string, file: string): string {
  const [names, ...rows] = readFileSync(csv, 'utf8')
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(','));
  const columnData = names.map((name, i) => ({
    name,
    data: rows.map((row) => Number(row[i])),
    type: 'INT32' as const,
  }));
  writeFileSync(file, Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 1000 })));
  return file;
}

skipIf(missing).describe('configs/optdigits.yaml', () => {
  const folder = temporaryFolder();

  it('reads 96 % of the digits of other writers, the same from CSV with and without header and from Parquet', async () => {
    const csv = await trained(config, [`data.file=${training}`, `data.test=${test}`], folder);
    expect(csv.start).toMatchObject({ training: 3441, validation: 382, test: 1797, epochs: 20 });
    expect(csv.end.test!.accuracy).toBeGreaterThanOrEqual(0.96);
    const bare = [training, test].map((file, i) => withoutHeader(file, join(folder, `${i}.csv`)));
    // Other data would show after an epoch.
    const one = 'training.epochs=1';
    const wanted = resultOf(await trained(config, [`data.file=${training}`, `data.test=${test}`, one], folder));
    const overrides = [`data.file=${bare[0]}`, `data.test=${bare[1]}`, 'data.header=false', 'data.target=c65', one];
    expect(resultOf(await trained(config, overrides, folder))).toEqual(wanted);
    const files = { file: toParquet(training, join(folder, 'training')), test: toParquet(test, join(folder, 'test')) };
    const data = { source: 'parquet', ...files, target: 'Class', targetType: 'class', stratify: true };
    const parquet = await trained(config, [`data=${JSON.stringify(data)}`, one], folder);
    expect(resultOf(parquet)).toEqual(wanted);
  });
});
