/** While data are read, everything else has its turn and can end the reading; and work grows with the columns, not their square. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterEach, describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import { loadDataset } from '../../src/data/load-data.js';
import { temporaryFolder } from '../support/folder.js';
import { partsOf } from '../support/parts.js';
import { load, npyFile } from '../support/tables.js';

const folder = temporaryFolder();
function written(name: string, content: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

/** Sets that take long enough for a turn to come, each in another way. */
const sources: Readonly<Record<string, () => object>> = {
  csv: () => ({
    source: 'csv',
    file: written('t.csv', `x,y\n${Array.from({ length: 50_000 }, (_, i) => `${i % 977},${i % 7}\n`).join('')}`),
    target: 'y',
  }),
  parquet: () => {
    const column = (name: string) => ({ name, data: Float64Array.from({ length: 300_000 }, (_, i) => (i * 7) % 977) });
    const columnData = [column('x'), column('y')].map((each) => ({ ...each, type: 'DOUBLE' as const }));
    return {
      source: 'parquet',
      file: written('t.parquet', Buffer.from(parquetWriteBuffer({ columnData }))),
      target: 'y',
    };
  },
  npy: () => ({
    source: 'npy',
    features: written('x.npy', npyFile('<f4', [200_000, 8], new Uint8Array(6_400_000), 1, true)),
    targets: written('y.npy', npyFile('<f4', [200_000], new Uint8Array(800_000))),
  }),
  text: () => ({ source: 'text', file: written('t.txt', 'a rose is a rose is a rose\n'.repeat(400_000)) }),
  digits: () => ({ source: 'digits', examples: 100_000 }),
  module: () => ({
    source: 'module',
    file: written(
      'm.mjs',
      'export default function* () { for (let i = 0; ; i++) yield { features: [i % 7], target: i % 5 }; }',
    ),
    memory: '1MB',
  }),
};

describe('reading', () => {
  it.each(Object.entries(sources))('%s is stopped by its signal', async (_, data) => {
    const abort = new AbortController();
    const config = dataSchema.parse(data());
    const reading = loadDataset(config, 0, { signal: abort.signal });
    // Comes only if the reader waits for the event loop: a promise that is settled already lets no timer through.
    const reason = new Error('stopped');
    setTimeout(() => abort.abort(reason), 1);
    await expect(reading).rejects.toBe(reason);
  });
});

describe('a wide table', () => {
  const restore: (() => void)[] = [];
  const undo = () => {
    for (const step of restore.splice(0)) step();
  };
  afterEach(undo);

  it.each(['csv', 'parquet'] as const)('in %s is not searched column by column for each column', async (source) => {
    const columns = 1200;
    const names = Array.from({ length: columns }, (_, i) => (i === 0 ? 'y' : `x${i}`));
    const rows = [names.map((_, i) => i % 10), names.map((_, i) => (i + 3) % 10)];
    const file =
      source === 'csv'
        ? written('wide.csv', [names, ...rows].map((row) => `${row.join()}\n`).join(''))
        : written(
            'wide.parquet',
            Buffer.from(
              parquetWriteBuffer({
                columnData: names.map((name, i) => ({
                  name,
                  data: rows.map((row) => row[i]),
                  type: 'DOUBLE' as const,
                })),
              }),
            ),
          );
    let looked = 0;
    for (const method of ['includes', 'indexOf', 'find', 'findIndex', 'some', 'filter'] as const) {
      const original = Array.prototype[method] as (...values: unknown[]) => unknown;
      // A mock would keep every call.
      const counting = function (this: unknown[], ...values: unknown[]) {
        if (this.length >= columns / 2) looked += this.length;
        return original.apply(this, values);
      };
      Object.assign(Array.prototype, { [method]: counting });
      restore.push(() => Object.assign(Array.prototype, { [method]: original }));
    }
    const { examples } = await load({ source, file, target: 'y' });
    undo();
    expect(partsOf(examples).featureShape).toEqual([columns - 1]);
    expect(looked).toBeLessThan(100 * columns);
  });
});
