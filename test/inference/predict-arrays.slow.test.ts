/** `lockstep predict` with archives of NumPy, and what it says of places that do not count. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { GivenInputs } from '../../coordinator/inference/input-batches.js';
import { type Prediction, predict } from '../../coordinator/inference/predict.js';
import { lockstepServed } from '../support/cli.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { writeModule } from '../support/modules.js';
import { linesOf, predictionOutput } from '../support/predictions.js';
import { trained } from '../support/runs.js';
import { npyFile, zipFile } from '../support/tables.js';

const folder = temporaryFolder();
// By scripts/peers/npz_files.py, numpy 2.4.6.
const fixture = new URL('../fixtures/npz-files.json', import.meta.url);
const { files, rows } = JSON.parse(readFileSync(fixture, 'utf8')) as {
  files: Record<string, string>;
  rows: Record<string, number[][]>;
};
const archive = (name: string) => {
  const file = join(folder, `${name.replaceAll(' ', '-')}.npz`);
  writeFileSync(file, Buffer.from(files[name], 'base64'));
  return file;
};
const stored = archive('stored');
const common = { optimizer: { adam: { learningRate: 0.01 } }, training: { epochs: 1, batchSize: 8 } };
const train = async (name: string, config: object) =>
  (await trained(writeConfig(folder, name, { ...common, ...config }), [], join(folder, 'runs'))).start.folder;
async function predicted(place: string, given: GivenInputs): Promise<Prediction[]> {
  const found: Prediction[] = [];
  for await (const row of (await predict(place, given, { model: 'final' })).rows) found.push(row);
  return found;
}
const refusal = (place: string, given: GivenInputs) => predicted(place, given).catch((reason) => reason);

const ints = (...of: number[]) => npyFile('<i4', [of.length], new Uint8Array(Int32Array.from(of).buffer));
let from = 0;
const sequences = rows.lengths.map(([places]) => {
  from += places;
  return rows.words.slice(from - places, from).flat();
});
const runs: Record<string, string> = {};
const split = { validation: 0, test: 0 };
beforeAll(async () => {
  runs.several = await train('several', {
    data: {
      source: 'npy',
      file: stored,
      ...split,
      inputs: {
        user: { member: 'user', categories: 5 },
        table: 'table',
        picture: { member: 'picture', scale: 1 / 255 },
      },
      targets: { rating: 'rating' },
    },
    model: {
      layers: [
        { embedding: { from: 'user', inputDim: 'categories', outputDim: 2 } },
        { flatten: { name: 'u' } },
        { flatten: { name: 'p', from: 'picture' } },
        { concatenate: { from: ['u', 'p', 'table'] } },
        { dense: { units: 1 } },
      ],
    },
    loss: { rating: 'meanSquaredError' },
  });
  runs.plain = await train('plain', {
    data: { source: 'npy', file: stored, features: 'table', targets: 'rating', scale: 2, ...split },
    model: { layers: [{ dense: { units: 1 } }] },
    loss: 'meanSquaredError',
  });
  runs.words = await train('words', {
    data: {
      source: 'npy',
      file: stored,
      ...split,
      inputs: { words: { member: 'words', categories: 7, lengths: 'lengths' } },
      targets: {
        tags: { member: 'tags', type: 'class', placesOf: 'words' },
        values: { member: 'values', type: 'number', placesOf: 'words' },
        total: 'total',
      },
    },
    model: {
      layers: [
        { embedding: { name: 'h', inputDim: 'categories', outputDim: 3 } },
        { dense: { name: 'tag', units: 2 } },
        // A convolution takes no mask further: places are known from the data.
        { conv1d: { name: 'value', from: 'h', filters: 2, kernelSize: 1 } },
        { globalAveragePooling1d: { name: 'mean', from: 'h' } },
        { dense: { name: 'sum', units: 1 } },
      ],
      outputs: { tags: 'tag', values: 'value', total: 'sum' },
    },
    loss: { tags: 'sparseCategoricalCrossentropy', values: 'meanSquaredError', total: 'meanSquaredError' },
  });
});

describe('an archive gives each input its member:', () => {
  it.each(['stored', 'compressed', '64 bits'])('%s', async (name) => {
    const file = archive(name);
    const { user, table, picture } = rows;
    const wanted = await predicted(runs.several, { user, table, picture });
    expect(await predicted(runs.several, file)).toEqual(wanted);
    expect(await predicted(runs.several, { user: file, table: file, picture: file })).toEqual(wanted);
  });

  it('of a model of one input the one that there is, or that has its name', async () => {
    const wanted = await predicted(runs.plain, rows.table);
    expect(await predicted(runs.plain, archive('one'))).toEqual(wanted);
    const content = Buffer.from(npyFile('<f8', [24, 3], new Uint8Array(Float64Array.from(rows.table.flat()).buffer)));
    const file = join(folder, 'features.npz');
    writeFileSync(
      file,
      zipFile([
        ['features.npy', content],
        ['targets.npy', ints(1, 2)],
      ]),
    );
    expect(await predicted(runs.plain, file)).toEqual(wanted);
  });

  it('of the very archive that was trained on, whatever its arrays are called', async () => {
    expect(await predicted(runs.plain, stored)).toEqual(await predicted(runs.plain, rows.table));
    const wanted = await predicted(runs.words, { words: sequences });
    expect(await predicted(runs.words, stored)).toEqual(wanted);
    expect(await predicted(runs.words, { words: stored })).toEqual(wanted);
    expect(await predicted(runs.several, stored)).toHaveLength(24);
  });

  it('sequences with their lengths, beside them or in a file of their own', async () => {
    const wanted = await predicted(runs.words, { words: sequences });
    const [words, lengths] = [ints(...rows.words.flat()), ints(...rows.lengths.flat())];
    const write = (name: string, content: Buffer) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const offsets = ints(...rows.starts.flat());
    expect(
      await predicted(
        runs.words,
        write(
          'a.npz',
          zipFile([
            ['words.npy', words],
            ['words_lengths.npy', lengths],
          ]),
        ),
      ),
    ).toEqual(wanted);
    expect(
      await predicted(
        runs.words,
        write(
          'b.npz',
          zipFile(
            [
              ['words.npy', words],
              ['words_offsets.npy', offsets],
            ],
            true,
          ),
        ),
      ),
    ).toEqual(wanted);
    const own = { words: write('words.npy', words), words_lengths: write('lengths.npy', lengths) };
    expect(await predicted(runs.words, own)).toEqual(wanted);
    const flags = Object.entries(own).flatMap(([name, file]) => ['--input', `${name}=${file}`]);
    const lines = linesOf(await predictionOutput([runs.words, ...flags, '--model', 'final', '--json'], folder));
    expect(lines).toHaveLength(24);
  });
});

describe('a module gives inputs as for training:', () => {
  it('by their names, or the only one, with or without targets', async () => {
    const { user, table, picture } = rows;
    const by = writeModule(
      folder,
      'by.mjs',
      `const { user, table, picture } = ${JSON.stringify({ user, table, picture })};`,
      'export default user.map((id, i) => ({ inputs: { user: id, table: table[i], picture: picture[i] }, targets: {} }));',
    );
    expect(await predicted(runs.several, by)).toEqual(await predicted(runs.several, { user, table, picture }));
    const one = writeModule(
      folder,
      'one.mjs',
      `export default async function* () { for (const features of ${JSON.stringify(table)}) yield { features, target: 1 }; }`,
    );
    expect(await predicted(runs.plain, one)).toEqual(await predicted(runs.plain, table));
    const lines = linesOf(await predictionOutput([runs.plain, one, '--model', 'final', '--json'], folder));
    expect(lines).toHaveLength(24);
  });

  it.each([
    [
      'an example without',
      'export default [{ target: 1 }];',
      'example 0 has neither features nor inputs',
      'yield objects',
    ],
    ['none', 'export default [];', 'makes no examples', 'at least one'],
    ['what it throws', 'export default function* () { throw new Error("no"); }', 'no', ''],
    ['another shape', 'export default [{ features: [1] }];', 'row 1 has 1 number', '[3]'],
  ])('%s is told', async (name, text, problem, remedy) => {
    const file = writeModule(folder, `${name.replaceAll(' ', '-')}.mjs`, text);
    const error = await refusal(runs.plain, file);
    expect(error.code).toBe('LOCKSTEP_DATA');
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });
});

describe('places that fill sequences up', () => {
  const given = { words: [[1, 2], [3], [4, 5, 6, 1, 2]] };
  it('have no numbers and no classes', async () => {
    const [two, one, five] = await predicted(runs.words, given);
    const [alone] = await predicted(runs.words, { words: [[3]] });
    expect(one).toEqual({ ...alone, row: 2 });
    expect(one.targets!.tags.places).toHaveLength(1);
    expect(one.targets!.values.values!.map((value) => value === null)).toEqual([
      false,
      false,
      ...new Array(8).fill(true),
    ]);
    expect(two.targets!.values.values!.slice(3)).toEqual([expect.any(Number), ...new Array(6).fill(null)]);
    expect(five.targets!.values.values).not.toContain(null);
    expect(one.targets!.total.values).toHaveLength(1);
  });

  it('are left out of lines, and empty in tables', async () => {
    const file = join(folder, 'words.json');
    writeFileSync(file, JSON.stringify(given));
    const args = [runs.words, file, '--model', 'final'];
    const json = linesOf(await predictionOutput([...args, '--json'], folder)).map((line) => JSON.parse(line));
    expect(Object.keys(json[1].targets.values.values)).toEqual(['values1', 'values2']);
    expect(Object.keys(json[2].targets.values.values)).toHaveLength(10);
    const plain = linesOf(await predictionOutput(args, folder));
    expect(plain[1]).toMatch(/^2 {2}tags [01] {2}values_values1 \S+ {2}values_values2 \S+ {2}total \S+$/);
    const [, , csv] = linesOf(await predictionOutput([...args, '--csv'], folder));
    expect(csv).toMatch(/^2,[01],[^,]+,[^,]+,,,,,,,,,[^,]+$/);
  });

  it('are those that the model itself masks, too', async () => {
    const file = join(folder, 'padded.npz');
    const ids = [1, 2, 0, 3, 0, 0];
    writeFileSync(
      file,
      zipFile([
        ['x.npy', npyFile('<i4', [2, 3], new Uint8Array(Int32Array.from(ids).buffer))],
        ['y.npy', npyFile('<f4', [2, 3, 1], new Uint8Array(24))],
      ]),
    );
    const run = await train('zeros', {
      data: { source: 'npy', file, features: 'x', targets: 'y', ...split },
      model: { layers: [{ embedding: { inputDim: 4, outputDim: 2, maskZero: true } }, { dense: { units: 1 } }] },
      loss: 'meanSquaredError',
      training: { epochs: 1, batchSize: 2 },
    });
    const found = await predicted(run, [
      [1, 0, 2],
      [3, 0, 0],
    ]);
    expect(found.map(({ values }) => values!.map((value) => typeof value))).toEqual([
      ['number', 'object', 'number'],
      ['number', 'object', 'object'],
    ]);
  });
});

describe('is refused by name, with a remedy and exit code 2:', () => {
  const x = ints(1, 2, 3);
  it.each([
    [
      'a member that is missing',
      'several',
      zipFile([
        ['user.npy', x],
        ['picture.npy', x],
      ]),
      'has no member table',
      'it holds user, picture',
    ],
    [
      'several that no input is called',
      'plain',
      zipFile([
        ['a.npy', x],
        ['b.npy', x],
      ]),
      'nothing says which is features',
      'call the array of the input features',
    ],
    ['another shape', 'plain', zipFile([['a.npy', x]]), 'a: has the shape [3], and the model takes', '[n, 3]'],
    [
      'a member twice',
      'plain',
      zipFile([
        ['a.npy', x],
        ['a.npy', x],
      ]),
      'holds the member a twice',
      'numpy.savez',
    ],
    ['what is no archive', 'plain', Buffer.from('PK\x03\x04', 'latin1'), 'is a damaged .npz file', 'numpy.savez'],
    [
      'longer sequences',
      'words',
      zipFile([
        ['words.npy', ints(1, 1, 1, 1, 1, 1)],
        ['words_lengths.npy', ints(6)],
      ]),
      'has 6 places, and the model takes 5',
      'train with length: 6',
    ],
    [
      'an id without a row',
      'words',
      zipFile([
        ['words.npy', ints(9)],
        ['words_lengths.npy', ints(1)],
      ]),
      'row 1 holds 9',
      'leave the row out',
    ],
  ] as [string, string, Buffer, string, string][])('%s', async (name, run, content, problem, remedy) => {
    const file = join(folder, `${name.replaceAll(' ', '-')}.npz`);
    writeFileSync(file, content);
    const error = await refusal(runs[run], file);
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
    const { code, stdout } = await lockstepServed(['predict', runs[run], file], folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('inputs of unequal length', async () => {
    const error = await refusal(runs.several, { user: stored, table: archive('one'), picture: rows.picture.slice(1) });
    expect(error.problem).toContain('user has 24 rows, and picture has 23');
  });
});
