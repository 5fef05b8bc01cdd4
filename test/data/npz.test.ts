/** `source: npy` with archives of arrays: every kind that NumPy writes, and what is wrong with one. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadRunConfig } from '../../src/config/load-config.js';
import { ConfigError } from '../../src/errors.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { failure, load, npyFile, zipFile } from '../support/tables.js';

const folder = temporaryFolder();
// Where no other program leaves files.
const scratch = temporaryFolder();
afterEach(() => {
  vi.unstubAllEnvs();
});
let files = 0;
function written(content: Uint8Array): string {
  const file = join(folder, `${files++}.npz`);
  writeFileSync(file, content);
  return file;
}

// By scripts/peers/npz_files.py, numpy 2.4.6.
const fixture = new URL('../fixtures/npz-files.json', import.meta.url);
const { files: archives, rows } = JSON.parse(readFileSync(fixture, 'utf8')) as {
  files: Record<string, string>;
  rows: Record<string, number[][]>;
};
const archive = (name: string) => written(Buffer.from(archives[name], 'base64'));
const file = archive('stored');
const fields = {
  inputs: { user: { member: 'user', categories: 5 }, table: 'table', pixels: { member: 'picture', scale: 0.5 } },
  targets: {
    rating: 'rating',
    liked: { member: 'liked.npy', type: 'class', weights: 'lengths' },
    copy: { of: 'pixels' },
  },
};

describe.each(['stored', 'compressed', '64 bits'])('%s archives of numpy', (name) => {
  it('give each field its member', async () => {
    const { examples, encoding } = await load({ source: 'npy', file: archive(name), ...fields });
    const shown = examples.columns.map((column) => [column.name, column.type, column.shape, [...column.values]]);
    expect(shown).toEqual([
      ['user', 'int32', [1], rows.user.flat()],
      ['table', 'float32', [3], rows.table.flat()],
      ['pixels', 'uint8', [2, 2, 1], rows.picture.flat()],
      ['rating', 'float32', [1], rows.rating.flat()],
      ['liked', 'int32', [], rows.liked.flat()],
      ['copy', 'uint8', [2, 2, 1], rows.picture.flat()],
      ['liked_weight', 'float32', [], rows.lengths.flat()],
    ]);
    expect(encoding.input).toEqual({
      kind: 'fields',
      fields: {
        user: { scale: 1, categories: 5, members: { values: 'user' } },
        table: { scale: 1, members: { values: 'table' } },
        pixels: { scale: 0.5, members: { values: 'picture' } },
      },
    });
  });

  it('give plain examples theirs', async () => {
    const data = { source: 'npy', file: archive(name), features: 'table', targets: 'liked', weights: 'lengths' };
    const { examples, description } = await load(data);
    expect(examples.columns.map(({ name, values }) => [name, [...values]])).toEqual([
      ['features', rows.table.flat()],
      ['targets', rows.liked.flat()],
      ['weights', rows.lengths.flat()],
    ]);
    expect(description).toContain('.npz');
  });
});

it('an archive stands where a file does: with a member, with one array, or with one of the name of the field', async () => {
  const one = archive('one');
  const { examples } = await load({
    source: 'npy',
    inputs: { table: one, who: { file, member: 'user' }, values: { file: archive('one') } },
    targets: { rating: file, liked: { file, member: 'liked', weights: { file, member: 'lengths' } } },
  });
  expect(examples.columns.map(({ name, values }) => [name, values[5]])).toEqual([
    ['table', rows.table.flat()[5]],
    ['who', rows.user[5][0]],
    ['values', rows.table.flat()[5]],
    ['rating', rows.rating[5][0]],
    ['liked', rows.liked[5][0]],
    ['liked_weight', rows.lengths[5][0]],
  ]);
  const unnamed = { source: 'npy', file: archive('without names'), features: 'arr_1', targets: 'arr_0' };
  expect((await load(unnamed)).examples.columns[0].values[4]).toBe(rows.table.flat()[4]);
});

skipIf(process.platform !== 'linux' && 'pipes are made by mkfifo of Linux').it(
  'archives may come through a pipe',
  async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const writing = import('node:fs/promises').then(({ writeFile }) => writeFile(pipe, readFileSync(file)));
    const { examples } = await load({ source: 'npy', file: pipe, ...fields });
    await writing;
    expect(examples.columns).toHaveLength(7);
  },
);

it('they train', async () => {
  const config = {
    data: { source: 'npy', file: archive('compressed'), ...fields, validation: 0.25, test: 0 },
    model: {
      layers: [
        { embedding: { name: 'u', from: 'user', inputDim: 'categories', outputDim: 2 } },
        { flatten: { name: 'v' } },
        { concatenate: { name: 'all', from: ['v', 'table'] } },
        { dense: { name: 'score', units: 1 } },
        { dense: { name: 'logit', from: 'all', units: 1 } },
        { conv2d: { name: 'back', from: 'pixels', filters: 1, kernelSize: 1 } },
      ],
      outputs: { rating: 'score', liked: 'logit', copy: 'back' },
    },
    loss: { rating: 'meanSquaredError', liked: 'binaryCrossentropy', copy: 'meanSquaredError' },
    optimizer: { adam: { learningRate: 0.01 } },
    training: { epochs: 1, batchSize: 6, shards: 2 },
  };
  const { end } = await trained(writeConfig(folder, 'run', config), [], folder);
  expect(Object.keys(end.validation!)).toEqual(['loss', 'rating_loss', 'liked_loss', 'copy_loss']);
  const { data } = loadRunConfig(writeConfig(folder, 'typed', config), []);
  expect(data).toMatchObject({ targets: { rating: { member: 'rating', type: 'number' } } });
});

describe('is refused by name, with a remedy, and nothing left behind:', () => {
  const x = npyFile('<f4', [2, 1], new Uint8Array(Float32Array.of(1, 2).buffer));
  const whole = Buffer.from(archives.stored, 'base64');
  const packed = Buffer.from(archives.compressed, 'base64');
  const flipped = (content: Buffer, at: number) => {
    const copy = Buffer.from(content);
    copy[at] ^= 1;
    return copy;
  };
  /** The first entry of the directory says another size than its member has. */
  const announcing = (content: Buffer, size: number) => {
    const copy = Buffer.from(content);
    copy.writeUInt32LE(size, copy.indexOf('PK\x01\x02', 'latin1') + 24);
    return copy;
  };
  const list = 'user, table, picture, rating, liked, lengths, words, padded, values, steps, starts, tags, total';
  const given = { targets: 'liked' };
  it.each([
    [
      'a member that is missing',
      whole,
      { features: 'tabel' },
      'has no member tabel',
      'did you mean table? it holds user',
    ],
    [
      'a member that is said to be a file',
      whole,
      { inputs: { user: { file: 'user' } }, features: undefined },
      'user does not exist',
      '{ member: user }',
    ],
    ['a member of no likeness', whole, { features: 'zzzzzz' }, 'has no member zzzzzz', `it holds ${list}`],
    ['an archive cut short', whole.subarray(0, -30), {}, 'damaged .npz file', 'numpy.savez'],
    ['an archive of which little is left', whole.subarray(0, 40), {}, 'damaged .npz file', 'numpy.savez'],
    ['an archive of nothing', zipFile([]), {}, 'holds no arrays', 'numpy.savez'],
    [
      'a member twice',
      zipFile([
        ['a.npy', x],
        ['a.npy', x],
      ]),
      {},
      'holds the member a twice',
      'numpy.savez',
    ],
    [
      'other bytes in a stored member',
      flipped(whole, 200),
      { features: 'user' },
      'user is damaged (its checksum differs)',
      '',
    ],
    [
      'other bytes in a packed member',
      flipped(packed, 100),
      { features: 'user' },
      'user is damaged',
      'get the file again',
    ],
    ['a stored size that is none', announcing(whole, 4e9), { features: 'user' }, 'damaged .npz file', 'numpy.savez'],
    [
      'a packed size that is none',
      announcing(packed, 5000),
      { features: 'user' },
      'user is damaged',
      'get the file again',
    ],
    ['a smaller size', announcing(packed, 100), { features: 'user' }, 'user is damaged', 'get the file again'],
    [
      'objects',
      Buffer.from(archives.objects, 'base64'),
      { features: 'user' },
      'user has elements of type |O',
      'numpy.stack',
    ],
    [
      'no array',
      zipFile([['a.txt', Buffer.from('text')]]),
      { features: 'a.txt' },
      'a.txt is no .npy file',
      'numpy.savez',
    ],
    ['arrays of unequal length', whole, { features: 'words' }, 'targets for the', 'belong together'],
    [
      'another way to pack',
      Buffer.from(zipFile([['a.npy', x]], true).map((byte, i, all) => (all[i - 4] === 20 && byte === 8 ? 12 : byte))),
      { features: 'a' },
      'method',
      'savez_compressed',
    ],
  ] as [string, Buffer, object, string, string][])('%s', async (_, content, more, problem, remedy) => {
    vi.stubEnv('TMPDIR', scratch);
    const error = await failure({ source: 'npy', file: written(content), features: 'table', ...given, ...more });
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('several arrays of which none is meant', async () => {
    const error = await failure({ source: 'npy', features: file, targets: file });
    expect(error.problem).toContain(`holds 13 arrays, and nothing says which is features: ${list}`);
    expect(error.remedy).toBe(`name one: { file: ${file}, member: user }`);
    const plain = join(folder, 'x.npy');
    writeFileSync(plain, x);
    const other = await failure({ source: 'npy', inputs: { a: { file: plain, member: 'a' } }, targets: { b: plain } });
    expect(other.problem).toContain('x.npy is no .npz file, and has no member a');
  });

  it.each([
    ['an array without a file', { inputs: { user: { member: 'user' } } }, 'data.inputs.user', 'data.file: FILE'],
    [
      'weights without a file',
      { inputs: { user: file }, targets: { liked: { file, weights: { member: 'w' } } } },
      'data.targets.liked.weights',
      'data.file: FILE',
    ],
  ] as [string, object, string, string][])('%s', (name, more, problem, remedy) => {
    const data = { source: 'npy', targets: { liked: file }, ...more };
    const run = {
      data,
      model: { layers: [{ dense: { units: 1 } }] },
      loss: { liked: 'meanSquaredError' },
      optimizer: { sgd: { learningRate: 1 } },
      training: { epochs: 1, batchSize: 2 },
    };
    const act = () => loadRunConfig(writeConfig(folder, name.replaceAll(' ', '-'), run), []);
    expect(act).toThrow(ConfigError);
    expect(act).toThrow(problem);
    expect(act).toThrow(remedy);
  });
});
