/** Rows in a file: found behind whatever else the file holds. */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RowReader } from '../../src/data/row-reader.js';
import { temporaryFolder } from '../support/folder.js';

const folder = temporaryFolder();

it.each([undefined, 20])('reads rows of a file whose first starts at byte %s', async (start) => {
  const path = join(folder, `rows-${start}`);
  const values = Float32Array.from({ length: 30 }, (_, i) => i);
  writeFileSync(path, Buffer.concat([Buffer.alloc(start ?? 0, 255), new Uint8Array(values.buffer)]));
  const fd = openSync(path, 'r');
  try {
    const reader = new RowReader({ first: 5, fd, path, start }, { type: 'float32', shape: [3] });
    const rows = Int32Array.from([9, 5, 6, 14]);
    const read = await reader.load(rows, new Float32Array(0));
    expect([...read.subarray(0, 12)]).toEqual([12, 13, 14, 0, 1, 2, 3, 4, 5, 27, 28, 29]);
  } finally {
    closeSync(fd);
  }
});
