/** `lockstep explain`: columns of iris, pixels of digits, characters of a text; and what it refuses. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { explain } from '../../coordinator/inference/explain.js';
import type { ExplainOptions, Explanation } from '../../coordinator/inference/explanation.js';
import { importance } from '../../coordinator/inference/importance.js';
import { evaluationReport } from '../../coordinator/inference/make-report.js';
import { predict } from '../../coordinator/inference/predict.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { inputColumn } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import type { LockstepError } from '../../src/errors.js';
import { metricText } from '../../src/ground/units.js';
import { reportHtml, reportMarkdown } from '../../src/report/evaluation-document.js';
import { lockstepServed } from '../support/cli.js';
import { lcg } from '../support/engines.js';
import { metricsOf } from '../support/evaluated.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { refusal } from '../support/predictions.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();
const runs = join(folder, 'runs');
/** The folder of a run that trains in no time. */
const trainedRun = async (name: string, config: object): Promise<string> => {
  const file = writeConfig(folder, name, {
    loss: 'sparseCategoricalCrossentropy',
    training: { epochs: 2, batchSize: 32 },
    ...config,
  });
  return (await trained(file, [], runs)).start.folder;
};

type Given = Parameters<typeof explain>[1];
async function explanations(run: string, input: Given, options: ExplainOptions = {}): Promise<Explanation[]> {
  const rows: Explanation[] = [];
  const warn = (message: string) => {
    throw new Error(message);
  };
  for await (const row of (await explain(run, input, { warn, ...options })).rows) rows.push(row);
  return rows;
}
const partsOf = ({ inputs }: Explanation) => inputs.flatMap(({ parts = [] }) => parts);
const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

describe('columns', () => {
  const random = lcg(3);
  const rows = Array.from({ length: 90 }, (_, i) => {
    const kind = i % 3;
    return {
      length: 4 + kind + random(),
      width: 3 - kind + random(),
      site: 'abc'[i % 3 === 0 ? 0 : i % 2],
      kind: ['setosa', 'versicolor', 'virginica'][kind],
    };
  });
  const few = rows.slice(0, 3).map(({ kind: _, ...row }) => row);
  let linear: string;
  let curved: string;
  beforeAll(async () => {
    const columns = Object.keys(rows[0]);
    const lines = rows.map((row) => Object.values(row).join(','));
    writeFileSync(join(folder, 'iris.csv'), [columns.join(','), ...lines, ''].join('\n'));
    const data = { source: 'csv', file: join(folder, 'iris.csv'), target: 'kind', validation: 0.2 };
    linear = await trainedRun('linear', { data, model: { layers: [{ dense: { units: 'classes' } }] } });
    const layers = [{ dense: { units: 8, activation: 'tanh' } }, { dense: { units: 'classes' } }];
    curved = await trainedRun('curved', { data, model: { layers } });
  });

  it('of a linear model add weight times distance, by every method that compares', async () => {
    const paths = await explanations(linear, few);
    const occluded = await explanations(linear, few, { method: 'occlusion' });
    const [slope, other] = (await explanations(linear, few, { method: 'gradient', target: 'virginica' })).map(partsOf);
    const towards = (await explanations(linear, few, { target: 'virginica' })).map(partsOf);
    paths.forEach((row, i) => {
      expect(partsOf(row).map(({ name }) => name)).toEqual(['length', 'width', 'site']);
      expect(partsOf(row).map(({ value }) => value)).toEqual(Object.values(few[i]).map(String));
      expect(Math.abs(row.residual!)).toBeLessThan(1e-5);
      partsOf(row).forEach(({ attribution }, part) => {
        expect(attribution).toBeCloseTo(partsOf(occluded[i])[part].attribution, 5);
      });
    });
    // A slope belongs to the model alone; of a category it is that of the one which it is.
    expect(slope[0].attribution).toBeCloseTo(other[0].attribution, 5);
    expect(slope[2].attribution).toBeCloseTo(towards[0][2].attribution, 5);
    const distance = (row: number) => towards[row][0].attribution / slope[0].attribution;
    const per = (few[1].length - few[0].length) / (distance(1) - distance(0));
    expect((few[2].length - few[0].length) / (distance(2) - distance(0))).toBeCloseTo(per, 4);
  });

  it('explain the class that predict names, with the same bits alone and in company', async () => {
    const all = await explanations(curved, few);
    const predicted: string[] = [];
    for await (const { classes } of (await predict(curved, few)).rows) predicted.push(classes![0].name);
    expect(all.map(({ of }) => of)).toEqual(predicted);
    expect(await explanations(curved, few.slice(0, 1))).toEqual(all.slice(0, 1));
    for (const row of all) {
      const sum = sumOf(partsOf(row).map(({ attribution }) => attribution));
      expect(sum - (row.value - row.baselineValue)).toBeCloseTo(row.residual!, 12);
      expect(Math.abs(row.residual!)).toBeLessThan(1e-5);
    }
  });

  it('are compared with an example of a file, or with means', async () => {
    writeFileSync(join(folder, 'other.json'), JSON.stringify(few.slice(1, 2)));
    const [first] = await explanations(curved, few, { baseline: join(folder, 'other.json'), target: 'setosa' });
    const [, second] = await explanations(curved, few, { target: 'setosa' });
    expect(first.baselineValue).toBeCloseTo(second.value, 5);
    // Columns are standardized: their means are zeros.
    const [mean] = await explanations(curved, few, { baseline: 'mean', target: 'setosa' });
    expect(mean.baselineValue).toBeCloseTo(second.baselineValue, 5);
    expect(mean.baselineValue).not.toBe(first.baselineValue);
  });

  it('are printed largest first, and whole as JSON', async () => {
    writeFileSync(join(folder, 'few.json'), JSON.stringify(few));
    const { code, stdout, stderr } = await lockstepServed(
      ['explain', curved, 'few.json', '--top', '2', '--target', 'virginica'],
      folder,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [head, ...told] = stdout.split('\n\n');
    expect(head).toMatch(/^model .*\nmethod {4}integratedGradients, 64 steps\nbaseline {2}zeros$/);
    expect(told.length).toBe(3);
    expect(told[0]).toMatch(
      /^row 1: "virginica": logit \S+, of the baseline \S+; the parts add up to the difference but for \S+\n {2}\w+ +\S+ +[-+][\d.]+ {2}([-+])\1{19}\n/,
    );
    expect(told[0]).toContain('and 1 that add less');
    const json = await lockstepServed(['explain', curved, 'few.json', '--target', 'virginica', '--json'], folder);
    expect(
      json.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject(await explanations(curved, few, { target: 'virginica' }));
  });

  it.each([
    ['a class that is not there', { target: 'virginca' }, 'did you mean virginica?'],
    ['a misspelt baseline', { baseline: 'zeroes' }, 'did you mean zeros?'],
    ['white where there are no pictures', { baseline: 'white' }, 'use --baseline zeros'],
    ['steps of occlusion', { method: 'occlusion', steps: 4 }, 'leave --steps out'],
    ['a window without pictures', { method: 'occlusion', window: 4 }, 'leave --window out'],
    ['heat maps without pictures', { images: 'maps' }, 'leave --images out'],
    ['a place of a model without', { place: 1 }, 'leave --place out'],
  ] as const)('refuse %s', async (_, options, remedy) => {
    const told = await explanations(curved, few, options).then(undefined, (error: LockstepError) => error);
    expect((told as unknown as LockstepError).remedy).toContain(remedy);
    expect(existsSync('maps')).toBe(false);
  });

  it('matter as much as the loss and the metrics get worse when they change places', async () => {
    // Of two rows there are two orders.
    const [first, second] = rows;
    const data = join(folder, 'two.csv');
    const lossOf = async (...both: readonly (typeof first)[]): Promise<number> => {
      writeFileSync(data, [Object.keys(first), ...both.map((row) => Object.values(row))].map(String).join('\n'));
      return (await metricsOf(curved, { data, threads: 1 })).loss;
    };
    const swapped: number[] = [];
    for (const name of ['length', 'width', 'site'] as const) {
      swapped.push(await lossOf({ ...first, [name]: second[name] }, { ...second, [name]: first[name] }));
    }
    const loss = await lossOf(first, second);
    const options = { data, repeats: 5 };
    const found = await importance(curved, { ...options, threads: 1 });
    expect(await importance(curved, { ...options, threads: 2 })).toEqual(found);
    expect([found.metrics.loss, found.examples, found.split]).toEqual([loss, 2, null]);
    expect(found.importance.map(({ input, metric }) => [input, metric])).toEqual(
      ['length', 'width', 'site'].map((input) => [input, 'loss']),
    );
    const report = await evaluationReport(curved, { ...options, importance: true, threads: 1 }, false);
    expect(report.importance).toEqual(found.importance);
    expect(report.repeat!.commands.at(-1)).toContain('--importance --repeats 5');
    expect(reportMarkdown(report)).toContain('What the model goes by');
    // The orders are the same for each column.
    const shares = found.importance.map(({ value }, i) => (5 * value) / (swapped[i] - loss));
    expect(shares[0]).toBeGreaterThan(0);
    for (const share of shares) {
      expect(share).toBeCloseTo(Math.round(share), 6);
      expect(share).toBeCloseTo(shares[0], 6);
    }
  });

  it('matter in what evaluate says and shows too', async () => {
    const html = join(folder, 'importance.html');
    const asked = ['evaluate', curved, '--repeats', '2', '--set', 'evaluation.resamples=20', '--no-diagnosis'];
    const { code, stdout } = await lockstepServed([...asked, '--importance', '--html', html], folder);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/\nworse without +loss\n(\w+ +[^\n]+ to [^\n]+\)\n){3}as it is/),
    ]);
    expect(readFileSync(html, 'utf8')).toContain('how much worse loss gets');
    const pages = ['importance-alone.html', 'columns.md'].map((name) => join(folder, name));
    const alone = await lockstepServed(['explain', curved, '--repeats', '2', '--html', pages[0]], folder);
    expect([alone.code, alone.stdout]).toEqual([0, expect.stringContaining(`report: ${pages[0]}\n`)]);
    expect(readFileSync(pages[0], 'utf8')).toContain('how much worse loss gets');
    writeFileSync(join(folder, 'few.json'), JSON.stringify(few));
    expect(
      (await lockstepServed(['explain', curved, join(folder, 'few.json'), '--markdown', pages[1]], folder)).code,
    ).toBe(0);
    expect(readFileSync(pages[1], 'utf8')).toMatch(/### row 3\n[\s\S]*\| part \| value \| adds \|\n/);
    const refused = await lockstepServed(asked, folder);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--repeats 2: is of --importance')]);
  });

  it('refuse an input without a column', async () => {
    expect(await refusal(explanations(curved, [{ length: 1, site: 'a' }]))).toContain('width');
  });
});

describe('pixels', () => {
  let run: string;
  beforeAll(async () => {
    const data = { source: 'digits', examples: 200, validation: 0.1 };
    run = await trainedRun('digits', { data, model: { layers: ['flatten', { dense: { units: 'classes' } }] } });
  });
  const picture = Array.from({ length: 28 * 28 }, (_, i) => (i % 28 > 10 && i % 28 < 14 ? 255 : 0));

  it('become a heat map over the picture', async () => {
    const images = join(folder, 'maps');
    const [{ inputs, ...row }] = await explanations(run, [picture], { images });
    const [{ attributions = [], height, width, file }] = inputs;
    expect([height, width, file]).toEqual([28, 28, join(images, '000001.png')]);
    expect(sumOf(attributions)).toBeCloseTo(row.value - row.baselineValue, 4);
    // Black is what it is compared with.
    attributions.forEach((attribution, i) => {
      if (picture[i] === 0) expect(attribution).toBe(0);
    });
    const { default: sharp } = await import('sharp');
    const { data, info } = await sharp(readFileSync(file!)).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([224, 224, 3]);
    const largest = attributions.reduce(
      (best, value, i) => (Math.abs(value) > Math.abs(attributions[best]) ? i : best),
      0,
    );
    const at = 3 * (Math.floor(largest / 28) * 8 * 224 + (largest % 28) * 8);
    expect([...data.subarray(at, at + 3)]).toEqual(attributions[largest] > 0 ? [214, 39, 40] : [31, 95, 200]);
    expect(await refusal(explanations(run, [picture], { images }))).toContain('is there already');
    await explanations(run, [picture], { images, force: true });
  });

  it('are explained in the report of an evaluation, example by example', async () => {
    const options = {
      importance: true,
      split: 'validation',
      threads: 1,
      overrides: ['evaluation.resamples=0'],
    } as const;
    const { explanations: shown = [], importance: none } = await evaluationReport(run, options, false);
    expect([shown.length, none]).toEqual([8, undefined]);
    const config = loadRunConfig(join(run, 'config.yaml'), []);
    const { examples } = await loadDataset(config.data, config.seed);
    const { values, scale = 1 } = inputColumn(examples);
    for (const { title, text, pictures } of shown.slice(0, 2)) {
      const start = 784 * Number(/^example (\d+)$/.exec(title)![1]);
      const pixels = Array.from(values.subarray(start, start + 784), (value) => 255 * value * scale);
      const [{ inputs, of, value }] = await explanations(run, [pixels], { heatMaps: true });
      expect(pictures).toEqual([inputs[0].heatMap]);
      expect(text).toContain(`"${of}": logit ${metricText(value)}, of the baseline `);
    }
  });

  it('become a page by explain --html', async () => {
    const [input, html] = ['stripe.json', 'stripe.html'].map((name) => join(folder, name));
    writeFileSync(input, JSON.stringify([picture, picture]));
    const asked = ['explain', run, input, '--html', html];
    const { code, stdout } = await lockstepServed(asked, folder);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`report: ${html}\n`)]);
    expect(readFileSync(html, 'utf8').match(/<img src="data:image\/png;base64,/g)!.length).toBe(2);
    const again = await lockstepServed(asked, folder);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('is there already')]);
  });

  it('are no columns: none of them means the same in every example', async () => {
    expect(await refusal(importance(run, { threads: 1 }))).toContain('reads one picture');
    const told = await lockstepServed(['explain', run, '--method', 'occlusion'], folder);
    expect([told.code, told.stderr]).toEqual([2, expect.stringContaining('no input is given')]);
  });

  it('are occluded window by window', async () => {
    const options = { method: 'occlusion', window: 28, target: '3' } as const;
    const [whole] = await explanations(run, [picture], options);
    const all = whole.inputs[0].attributions!;
    expect(new Set(all).size).toBe(1);
    expect(all[0]).toBeCloseTo(whole.value - whole.baselineValue, 5);
    const [white] = await explanations(run, [picture], { ...options, baseline: 'white' });
    expect(white.baselineValue).not.toBe(whole.baselineValue);
  });
});

describe('characters', () => {
  let run: string;
  beforeAll(async () => {
    writeFileSync(join(folder, 'chant.txt'), 'ROMEO: what light? '.repeat(20));
    const data = { source: 'text', file: join(folder, 'chant.txt'), window: 5, targets: 'all', validation: 0 };
    const layers = [
      { embedding: { inputDim: 'classes', outputDim: 4 } },
      { simpleRNN: { units: 6, returnSequences: true } },
      { dense: { units: 'classes' } },
    ];
    run = await trainedRun('chant', { data, model: { layers } });
  });

  it('add what their vectors do; those behind a place add nothing to it', async () => {
    const [last] = await explanations(run, 'O: what');
    expect(last.place).toBe(5);
    expect(partsOf(last).map(({ value }) => value)).toEqual([...' what']);
    expect(Math.abs(last.residual!)).toBeLessThan(1e-5);
    // The command gives every option, also those that are not there.
    const [short] = await explanations(run, 'hat', { place: undefined });
    expect(short.place).toBe(3);
    const [second] = await explanations(run, 'O: what', { place: 2, method: 'occlusion' });
    expect(partsOf(second).map(({ attribution }) => attribution !== 0)).toEqual([true, true, false, false, false]);
  });

  it('are marked in the report of an evaluation', async () => {
    const options = { importance: true, split: 'training', threads: 1, overrides: ['evaluation.resamples=0'] } as const;
    const report = await evaluationReport(run, options, false);
    const [{ texts: [{ parts }] = [] }] = report.explanations!;
    expect('ROMEO: what light? '.repeat(2)).toContain(parts.map(({ value }) => value).join(''));
    expect(await reportHtml(report)).toMatch(/<blockquote>.*<mark class="(for|against)5">/);
  });

  it('have no slope, and no baseline that is a text', async () => {
    expect(await refusal(explanations(run, 'what', { method: 'gradient' }))).toBe(
      '--method gradient: ids have no slope',
    );
    expect(await refusal(explanations(run, 'what', { baseline: 'white' }))).toContain('is for pictures');
    expect(await refusal(explanations(run, 'what', { baseline: 'light' }))).toContain('is none of zeros, mean');
    expect(await refusal(explanations(run, 'what', { place: 6 }))).toContain('has 5 places');
  });
});

describe('texts of a table', () => {
  const texts = ['fine day', 'a sad, sad and bad day', 'good', 'what a fine film'];
  const rows = Array.from({ length: 48 }, (_, i) => ({
    text: texts[i % 4],
    stars: (i * 7) % 5,
    mood: 'no yes'.split(' ')[i % 2],
  }));
  const write = (name: string, some: typeof rows) => {
    const file = join(folder, name);
    const lines = some.map(({ text, stars, mood }) => `"${text}",${stars},${mood}`);
    writeFileSync(file, ['text,stars,mood', ...lines, ''].join('\n'));
    return file;
  };
  const words = { text: 'text', tokens: { bpe: { vocabulary: 270 } }, length: 24 };
  const embedding = { inputDim: 'categories', outputDim: 4 };
  const both = [
    { embedding: { ...embedding, from: 'words' } },
    { globalAveragePooling1d: { name: 'pooled' } },
    { dense: { units: 3, from: 'rest', name: 'ready' } },
    { concatenate: { from: ['pooled', 'ready'] } },
    { dense: { units: 'classes' } },
  ];
  let mixed: string;
  let alone: string;
  beforeAll(async () => {
    const data = { source: 'csv', file: write('moods.csv', rows), target: 'mood', validation: 0.25 };
    const inputs = { words, rest: ['stars'] };
    const training = { epochs: 1, batchSize: 8, buckets: [8, 16] };
    mixed = await trainedRun('mixed', { data: { ...data, inputs }, model: { layers: both }, training });
    const layers = [{ embedding }, { globalAveragePooling1d: {} }, { dense: { units: 'classes' } }];
    alone = await trainedRun('alone', { data: { ...data, inputs: { words } }, model: { layers }, training });
  });

  it.each(['integratedGradients', 'occlusion'] as const)(
    'add token by token, and what fills them up adds nothing (%s)',
    async (method) => {
      const given = [texts[1], texts[2]].map((text) => ({ text, stars: 3 }));
      for (const { inputs, residual = 0 } of await explanations(mixed, given, { method })) {
        const [{ parts = [], isText }, rest] = inputs;
        expect([isText, given.map(({ text }) => text)]).toEqual([
          true,
          expect.arrayContaining([parts.map(({ value }) => value).join('')]),
        ]);
        expect(rest.parts).toEqual([{ name: 'stars', value: '3', attribution: expect.any(Number) }]);
        expect(parts.every(({ attribution }) => attribution !== 0)).toBe(true);
        expect(Math.abs(residual)).toBeLessThan(1e-5);
      }
      expect(await refusal(explanations(mixed, given, { method: 'gradient' }))).toBe(
        '--method gradient: ids have no slope',
      );
    },
  );

  it('are read in what is printed beside columns, each with the name of its input', async () => {
    const { code, stdout } = await lockstepServed(['explain', mixed, join(folder, 'moods.csv'), '--top', '2'], folder);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/\n {2}words \d+ +\S+ +[+-]/)]);
  });

  it('matter as a whole, with their lengths, whatever bucket they were in', async () => {
    const lossOf = async (...both: typeof rows) =>
      (await metricsOf(mixed, { data: write('two-moods.csv', both), threads: 1, overrides: ['training.buckets=[24]'] }))
        .loss;
    const [first, second] = [rows[1], rows[2]];
    const swapped = await lossOf({ ...first, text: second.text }, { ...second, text: first.text });
    const loss = await lossOf(first, second);
    const { importance: found } = await importance(mixed, {
      data: join(folder, 'two-moods.csv'),
      repeats: 5,
      threads: 1,
    });
    expect(found.map(({ input }) => input)).toEqual(['text', 'stars']);
    const share = (5 * found[0].value) / (swapped - loss);
    expect([share, Math.round(share) > 0]).toEqual([expect.closeTo(Math.round(share), 4), true]);
  });

  it('alone matter in a report, which explains some of them too', async () => {
    const options = {
      importance: true,
      repeats: 2,
      split: 'validation',
      threads: 1,
      overrides: ['evaluation.resamples=0'],
    } as const;
    const report = await evaluationReport(alone, options, false);
    expect(report.importance!.map(({ input, metric }) => [input, metric])).toEqual([['text', 'loss']]);
    const shown = report.explanations!.map(({ texts: own = [] }) => own[0].parts.map(({ value }) => value).join(''));
    expect([shown.length, shown.filter((text) => !texts.includes(text))]).toEqual([8, []]);
  });
});
