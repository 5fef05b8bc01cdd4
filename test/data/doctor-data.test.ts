/** `lockstep doctor data`: rows, ranges, gaps, balance, repeated examples and groups of every source, as text and as JSON. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { dataSchema } from '../../src/config/data.js';
import { diagnose } from '../../src/data/doctor/diagnose.js';
import type { DataDiagnosis } from '../../src/data/doctor/diagnosis.js';
import { keepTogether } from '../../src/data/splits/keep-together.js';
import { heldOutParts } from '../../src/data/splits/split-plan.js';
import { lockstepServed } from '../support/cli.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { idxFile } from '../support/idx.js';
import { greyPixel, writeFile } from '../support/images.js';
import { writeModule } from '../support/modules.js';
import { npyFile } from '../support/tables.js';

const folder = temporaryFolder();
const range = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));
const path = (name: string) => join(folder, name);

/** Each has 20 examples of one number, 0 to 9 twice, and two classes. */
const values = range(20, (i) => i % 10);
const classes = range(20, (i) => Math.floor(i / 2) % 2);
const half = { test: 0.5, validation: 0 };

async function sources(): Promise<Record<string, object>> {
  const rows = values.map((value, i) => `${value},c${classes[i]}`);
  writeFileSync(path('t.csv'), `x,y\n${rows.join('\n')}\n`);
  const columnData = [
    { name: 'x', data: values, type: 'DOUBLE' as const },
    { name: 'y', data: classes.map((each) => `c${each}`), type: 'STRING' as const },
  ];
  writeFileSync(path('t.parquet'), Buffer.from(parquetWriteBuffer({ columnData })));
  writeFileSync(path('x.npy'), npyFile('<f4', [20, 1], new Uint8Array(Float32Array.from(values).buffer)));
  writeFileSync(path('y.npy'), npyFile('|u1', [20], Uint8Array.from(classes)));
  writeFile(path('idx/train-images-idx3-ubyte'), idxFile([20, 1, 1], values));
  writeFile(path('idx/train-labels-idx1-ubyte'), idxFile([20], classes));
  for (const [i, value] of values.entries()) {
    writeFile(path(`images/c${classes[i]}/${String(i).padStart(2, '0')}.png`), await greyPixel(value));
  }
  const module = writeModule(
    folder,
    'm.mjs',
    `export default ${JSON.stringify(values.map((value, i) => ({ features: [value], target: classes[i] })))};`,
  );
  const rowsOf = { features: values, targets: classes, classes: 2 };
  return {
    csv: { file: path('t.csv'), target: 'y', standardize: false },
    parquet: { file: path('t.parquet'), target: 'y', standardize: false },
    npy: { features: path('x.npy'), targets: path('y.npy'), targetType: 'class' },
    idx: { dir: path('idx') },
    images: { dir: path('images') },
    module: { file: module, classes: 2 },
    values: rowsOf,
  };
}

const seed = 3;
const look = (data: object, by = seed) => diagnose(dataSchema.parse(data), by);
const about = ({ findings }: DataDiagnosis, what: string) => findings.filter((each) => each.about === what);

describe('every source', () => {
  it.each(['csv', 'parquet', 'npy', 'idx', 'images', 'module', 'values'])('%s', async (source) => {
    const found = await look({ source, ...(await sources())[source], ...half });
    expect(found.rows).toEqual({ total: 20, training: 10, validation: 0, test: 10 });
    const scale = source === 'idx' || source === 'images' ? 1 / 255 : 1;
    const [input, target] = found.fields;
    expect(input).toMatchObject({ role: 'input', lowest: 0, mean: expect.closeTo(4.5 * scale, 6) });
    expect(input.highest).toBeCloseTo(9 * scale, 6);
    const counted = target.classes?.map(({ rows }) => rows.training + rows.validation + rows.test);
    expect(counted).toEqual([...(counted ?? [])].sort((a, b) => b - a));
    expect(counted).toEqual([10, 10]);
    // Of each number there are two examples.
    expect(found.duplicates.rows).toBe(10);
    const { acrossSplits, example } = found.duplicates;
    expect(acrossSplits).toBeGreaterThan(0);
    expect(about(found, 'duplicates')).toHaveLength(1);
    expect(about(found, 'duplicates')[0].problem).toContain(`${acrossSplits} of 10 examples that are held out`);
    if (source === 'csv') expect(example).toEqual([expect.stringMatching(/t\.csv, line \d+$/), expect.any(String)]);
  });

  it('digits', async () => {
    const found = await look({ source: 'digits', examples: 100, stratify: true });
    expect(found).toMatchObject({ rows: { total: 100 }, duplicates: { rows: 0, acrossSplits: 0 }, findings: [] });
    expect(found.fields[1].classes).toHaveLength(10);
  });

  it('text', async () => {
    writeFileSync(path('t.txt'), 'abcdefghij'.repeat(20));
    const found = await look({ source: 'text', file: path('t.txt'), window: 4, validation: 0.2 });
    expect(found.fields[0]).toMatchObject({ lowest: 0, highest: 9, shape: [4] });
    // The ten windows that there are come again and again.
    expect(found.duplicates.rows).toBe(found.rows.total - 10);
    expect(found.duplicates.acrossSplits).toBe(found.rows.validation);
  });
});

describe('a table', () => {
  /** 40 rows of 8 patients; one class is rare, one value is missing. */
  const patients = range(40, (i) => `p${i % 8}`);
  const text = (x: (i: number) => string = (i) => String(i * i)) =>
    `patientId,x,y\n${patients.map((patient, i) => `${patient},${x(i)},${i === 5 || i === 6 || i === 7 ? 'rare' : 'usual'}`).join('\n')}\n`;
  const table = (name: string, content: string, more: object = {}) => {
    writeFileSync(path(name), content);
    return { source: 'csv', file: path(name), target: 'y', exclude: ['patientId'], ...half, ...more };
  };

  it('says what decided about the splits, in every source that has such', async () => {
    const who = values.map((value) => value % 5);
    writeFileSync(path('who.npy'), npyFile('|u1', [20], Uint8Array.from(who)));
    const rows = values.map((value, i) => ({ features: value, target: classes[i], who: who[i] }));
    const npy = { source: 'npy', features: path('x.npy'), targets: path('y.npy'), targetType: 'class' };
    const module = writeModule(folder, 'who.mjs', `export default ${JSON.stringify(rows)};`);
    const file = path('who.csv');
    writeFileSync(file, `x,y,who\n${rows.map((row) => `${row.features},c${row.target},${row.who}`).join('\n')}\n`);
    for (const [data, key, unit] of [
      [npy, path('who.npy'), 'file'],
      [{ source: 'module', file: module, classes: 2 }, 'who', 'field'],
      [{ source: 'csv', file, target: 'y' }, 'who', 'column'],
    ] as const) {
      const found = await look({ ...data, split: { test: 0.4, validation: 0, group: key } });
      expect(found.splitBy).toEqual({ kind: 'group', of: `${unit} ${key}` });
      expect(found.groups).toEqual([{ column: key, values: 5, shared: 0, examples: [] }]);
      const ordered = await look({ ...data, split: { test: 0.4, validation: 0, order: key } });
      expect(ordered.splitBy?.ranges).toEqual({ training: [0, 2], test: [3, 4] });
    }
  });

  it('shows groups in two splits, and none once they stay together', async () => {
    const found = await look(table('g.csv', text()));
    expect(found.groups).toEqual([
      { column: 'patientId', values: 8, shared: expect.any(Number), examples: expect.any(Array) },
    ]);
    const [{ problem, remedy }] = about(found, 'groups');
    expect(problem).toContain('of 8 values of column patientId are in two splits');
    expect(remedy).toBe(
      'where rows of one patientId are alike, keep them together: data.split: { validation: 0, test: 0.5, group: patientId } ' +
        'in the place of data.validation, data.test and data.stratify',
    );
    const followed = await look({
      ...table('g.csv', text(), { split: { ...half, group: 'patientId' } }),
      test: undefined,
      validation: undefined,
    });
    expect(followed.groups?.[0].shared).toBe(0);
    expect(about(followed, 'groups')).toEqual([]);
  });

  it('shows missing values by column and row, and looks at the other rows', async () => {
    const data = table(
      'm.csv',
      text((i) => (i === 2 || i === 9 ? '' : String(i))),
    );
    const found = await look(data);
    expect(found.missing).toEqual([{ column: 'x', rows: 2, first: `${data.file}, line 4` }]);
    expect(found.rows.total).toBe(38);
    expect(about(found, 'missing')[0].remedy).toContain('data.missing: drop');
    const followed = await look({ ...data, missing: 'mean' });
    expect([followed.rows.total, about(followed, 'missing')]).toEqual([40, []]);
    expect(followed.missing).toEqual(found.missing);
  });

  it('shows classes that are rare, or absent from a split, until they are stratified', async () => {
    const found = await look({ ...table('b.csv', text()), test: 0.05 }, 1);
    const target = found.fields.find(({ role }) => role === 'target');
    expect(target?.classes?.map(({ name }) => name)).toEqual(['usual', 'rare']);
    expect(about(found, 'balance')[0].problem).toMatch(
      /target targets is unbalanced: .*"usual" \d+ and class "rare" [123]$/,
    );
    expect(about(found, 'balance').at(-1)).toMatchObject({
      problem: 'test has no example of 1 of 2 classes of target targets: "rare"',
      remedy: 'set data.stratify: true, or add examples',
    });
    const followed = await look({ ...table('b.csv', text()), test: 0.34, stratify: true });
    expect(about(followed, 'balance').filter(({ problem }) => problem.includes('no example'))).toEqual([]);
  });

  it.each([
    [{}],
    [{ validation: 0.2, test: 0.2, stratify: true }],
    [{ split: { validation: 0.2 } }],
    [{ split: { order: 'x' } }],
    [{ split: { stratify: 'y' } }],
    [{ split: { group: 'patientId' } }],
  ])('is kept together as the remedy says, beside %j', (more) => {
    const config = { source: 'csv', file: 't.csv', target: 'y', ...more } as Record<string, unknown>;
    const remedy = keepTogether(dataSchema.parse(config), 'siteId')!;
    const [, key, value, instead = ''] = /^data\.(\S+): (\{.*\}|siteId)(?: in the place of (.*))?$/.exec(remedy)!;
    const path = key.split('.');
    const left = structuredClone(config) as Record<string, Record<string, unknown>>;
    for (const name of instead.match(/data\.[\w.]+/g) ?? []) {
      const [, first, second] = name.split('.');
      if (second === undefined) delete left[first];
      else delete left[first][second];
    }
    const said = path.length > 1 ? { split: { ...left.split, [path[1]]: value } } : { split: parse(value) };
    const followed = dataSchema.parse({ ...left, ...said });
    const { validation, test } = heldOutParts<unknown>(dataSchema.parse(config));
    expect(followed.split).toMatchObject({ validation, test, group: 'siteId' });
    expect(keepTogether(dataSchema.parse({ ...config, split: undefined, test: 'test.csv' }))).toBeUndefined();
  });

  it('repeats what a run warns of, with its remedy, and the columns', async () => {
    const found = await look(
      table(
        'w.csv',
        text(() => '7'),
      ),
    );
    expect(found.columns?.shown.map(({ name }) => name)).toEqual(['patientId', 'y', 'x']);
    expect(about(found, 'reading')[0]).toEqual({
      about: 'reading',
      problem: `${path('w.csv')}: columns that hold one value in every row and say nothing: x`,
      remedy: 'list them under data.exclude',
    });
  });
});

describe('the command', () => {
  const rest = { model: { layers: ['flatten'] }, loss: 'meanSquaredError', training: { epochs: 1, batchSize: 1 } };

  it('prints the same as text and as JSON, writes nothing, and ends with 0 whatever it found', async () => {
    const data = { source: 'values', features: values, targets: values, ...half };
    const config = writeConfig(folder, 'v', { ...rest, data });
    const before = snapshot(folder);
    const json = await lockstepServed(['doctor', 'data', config, '--json', '--set', 'seed=3'], folder);
    const text = await lockstepServed(['doctor', 'data', config, '--set', 'seed=3'], folder);
    expect([json.code, text.code]).toEqual([0, 0]);
    expect(JSON.parse(json.stdout)).toEqual(JSON.parse(JSON.stringify(await look(data))));
    expect(text.stdout).toMatch(/splits +10 training, 0 validation, 10 test/);
    expect(text.stdout).toMatch(/features {2}input {2}float32 \[1\] {2}0 to 9, mean 4\.5/);
    expect(text.stdout).toMatch(/\n1 finding\.\n$/);
    expect(snapshot(folder)).toEqual(before);
  });

  it.each([[['--json']], [[]]])('ends with 2 for data that cannot be read %j', async (more) => {
    const config = writeConfig(folder, 'none', { ...rest, data: { source: 'csv', file: './none.csv', target: 'y' } });
    const { code, stdout, stderr } = await lockstepServed(['doctor', 'data', config, ...more], folder);
    expect([code, stdout + stderr]).toEqual([2, expect.stringContaining('none.csv')]);
  });
});
