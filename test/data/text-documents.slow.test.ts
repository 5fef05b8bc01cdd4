/** `data.documents`: a token stands behind each document, none is in two splits, and what begins one is not asked for. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { locateModel } from '../../coordinator/inference/locate.js';
import { openModel } from '../../coordinator/inference/saved-model.js';
import { dataSchema } from '../../src/config/data.js';
import type { DocumentsConfig } from '../../src/config/text.js';
import type { Dataset } from '../../src/data/examples.js';
import { fingerprintOf } from '../../src/data/fingerprint.js';
import { loadDataset } from '../../src/data/load-data.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { documentsOf } from '../../src/data/text/documents.js';
import { createPredictor } from '../../src/export/predictor.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { resultOf, trained } from '../support/runs.js';

const folder = temporaryFolder();
let files = 0;
const raw = (content: string | Uint8Array) => {
  const file = join(folder, `${files++}.txt`);
  writeFileSync(file, content);
  return file;
};
const lines = (...rows: readonly object[]) => raw(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
const base = { source: 'text', window: 4, targets: 'all', validation: 0, test: 0 };
const load = (data: object) => loadDataset(dataSchema.parse({ ...base, ...data }), 0);
const refusal = (data: object) =>
  load(data).then(
    () => undefined,
    (error) => error,
  );

describe('documents', () => {
  type Border = Exclude<DocumentsConfig, { column: string }>;
  const divided = async (parts: readonly string[], border: Border) => {
    const found = [''];
    for await (const item of documentsOf(
      (async function* () {
        yield* parts;
      })(),
      border,
    )) {
      if (item === null) found.push('');
      else found[found.length - 1] += item;
    }
    expect(found.pop()).toBe('');
    return found;
  };

  it.each([
    [
      'blankLines',
      '\n\none\ntwo\n\nthree é🙂\n \t\n\n  four\r\n\r\nfive \n',
      ['one\ntwo', 'three é🙂', '  four', 'five '],
    ],
    ['blankLines', 'one', ['one']],
    ['files', 'one\n\ntwo\n\n', ['one\n\ntwo']],
    [{ separator: '<|end|>' }, 'one\n<|end|>\ntwo🙂<|end|><|end|>\n\n three\r\n<|end|>', ['one', 'two🙂', '\n three']],
    [{ separator: '--' }, '--a\n--\nb--\n--\n\nc-\n', ['a', 'b', '\nc-']],
  ] as const)('lie between borders (%o), however the text comes', async (border, text, wanted) => {
    for (let first = 0; first <= text.length; first++) {
      const second = Math.min(text.length, first + 3);
      // Parts do not end inside of a character.
      if ([first, second].some((place) => /[\udc00-\udfff]/.test(text[place] ?? ''))) continue;
      const parts = [text.slice(0, first), text.slice(first, second), text.slice(second)];
      expect(await divided(parts, border)).toEqual(wanted);
    }
    expect(await divided([...text], border)).toEqual(wanted);
  });

  it('have the tokens that ByteLevelBPETokenizer gives each of them, and its special token behind', async () => {
    const texts = ['the cat sat on the mat\nand the dog', 'a cat, a mat: the end\n  then more', 'the the the cat'];
    const file = raw(`${texts.join('\n\n\n')}\n`);
    const { examples, encoding, description } = await load({
      file,
      documents: 'blankLines',
      tokens: { bpe: { vocabulary: 275 } },
    });
    // tokenizers 0.23.3: train_from_iterator(texts, vocab_size=275, min_frequency=2, special_tokens=['<|endoftext|>']).
    expect([...examples.columns[0].values]).toEqual([
      ...[
        258, 263, 221, 83, 259, 221, 79, 78, 260, 265, 199, 65, 264, 260, 221, 68, 79, 71, 0, 65, 263, 12, 221, 65, 265,
        26,
      ],
      ...[260, 221, 69, 264, 199, 221, 260, 78, 262, 79, 82, 69, 0, 258, 260, 260, 263, 0],
    ]);
    expect(encoding.input).toMatchObject({ endOfText: 0 });
    expect(encoding.classes).toHaveLength(266);
    expect(description).toContain('44 tokens in 3 documents of ');
  });

  const shown = ({ examples: { columns }, encoding }: Dataset, rows: Int32Array) =>
    [...rows].map((row) => {
      const [input, target, mask] = columns.map(({ values, shape: [width = 1] }) => [
        ...values.slice(row, row + width),
      ]);
      const text = (ids: number[]) => ids.map((id) => encoding.classes![id].replace('<|endoftext|>', '|')).join('');
      return [text(input), text(target), ...(mask ? [mask.join('')] : [])];
    });

  it('are whole in their splits; the first character of the next is a target that does not count', async () => {
    const file = raw('abcd\n\nefg\n\nhijkl\n\nmnopqr\n');
    const data = await load({ file, documents: 'blankLines', stride: 2, validation: 0.4 });
    expect(shown(data, data.splits.training)).toEqual([
      ['abcd', 'bcd|', '1111'],
      ['cd|e', 'd|ef', '1101'],
      ['|efg', 'efg|', '0111'],
      ['fg|h', 'g|hi', '1101'],
      ['|hij', 'hijk', '0111'],
      ['ijkl', 'jkl|', '1111'],
    ]);
    // By characters, the validation split would begin within "hijkl".
    expect(shown(data, data.splits.validation)).toEqual([['mnop', 'nopq', '1111']]);
  });

  it('are no targets of the windows before them where those have one', async () => {
    const data = await load({ file: raw('ab<>cd<>ef'), documents: { separator: '<>' }, window: 2, targets: 'last' });
    expect(shown(data, data.splits.training)).toEqual([
      ['ab', '|'],
      ['|c', 'd'],
      ['cd', '|'],
      ['|e', 'f'],
      ['ef', '|'],
    ]);
  });

  it('come from several files and from JSON lines alike', async () => {
    const wanted = await load({ file: raw('one\n\ntwo é\n\nthree'), documents: 'blankLines', validation: 0.4 });
    const three = [raw('one\n'), raw('two é'), raw('three\n\n')];
    const json = lines({ text: 'one', id: 1 }, { id: 2, text: 'two é' }, { text: '' }, { text: 'three' });
    const packed = raw(gzipSync('{"text":"one"}\n\n{"text":"two é"}\n{"text":"three"}'));
    for (const data of [
      { file: three, documents: 'files' },
      { file: json, documents: { column: 'text' } },
      { file: packed, documents: { column: 'text' } },
    ]) {
      const found = await load({ ...data, validation: 0.4 });
      expect(fingerprintOf(found)).toEqual(fingerprintOf(wanted));
      expect(found.encoding).toEqual(wanted.encoding);
    }
  });

  it.each([
    [{ file: ['a', 'b'] }, 'data.file: names several files', 'set data.documents'],
    [
      { file: 'a', documents: 'blankLines', endOfText: 'e' },
      'data.endOfText: is a character of texts too',
      '<|endoftext|>',
    ],
    [{ file: 'a', endOfText: '</s>' }, 'data.endOfText: ends documents', 'leave endOfText out'],
    [{ file: 'a', documentMask: true }, 'data.documentMask: keeps documents apart', 'set it, e.g. to blankLines'],
    [
      { file: 'a', documents: 'files', documentMask: true, targets: 'last' },
      'data.documentMask: is for models of every place',
      'set data.targets to all',
    ],
    [
      { file: 'a', documents: { column: 'c' }, invalid: 'replace' },
      'data.invalid: replaces what is not UTF-8',
      'leave it out',
    ],
  ])('are refused by the config where it contradicts itself (%o)', (data, problem, remedy) => {
    const { error } = dataSchema.safeParse({ ...base, ...data });
    const [{ path, message, params }] = error!.issues as unknown as {
      path: string[];
      message: string;
      params: { remedy: string };
    }[];
    expect(`data.${path.join('.')}: ${message}`).toContain(problem);
    expect(params.remedy).toContain(remedy);
  });

  it('are told by their lines where there is no text', async () => {
    const documents = { column: 'text' };
    const missing = await refusal({ file: lines({ text: 'a' }, { txet: 'b' }), documents });
    expect(missing.problem).toMatch(/^data\.documents\.column: .*, line 2 has no "text"$/);
    expect(missing.remedy).toBe('did you mean txet?');
    const number = await refusal({ file: lines({ text: 4 }), documents });
    expect(number.problem).toMatch(/, line 1: text holds 4, which is no text$/);
    const empty = await refusal({ file: lines({ text: '' }), documents });
    expect(empty.problem).toMatch(/^data\.file: .* is empty$/);
    const same = raw('a b c');
    expect((await refusal({ file: [same, same], documents: 'files' })).problem).toContain('is named twice');
  });

  it('need a token of a tokenizer.json for their ends', async () => {
    const plain = await load({ file: raw('one two three four'), tokens: { bpe: { vocabulary: 260 } } });
    if (plain.encoding.input.kind !== 'text') throw new Error('no text');
    const tokens = { file: raw(JSON.stringify(plain.encoding.input.tokenizer)) };
    const error = await refusal({ file: raw('one\n\ntwo'), documents: 'blankLines', tokens });
    expect(error.problem).toBe(`data.documents: ${tokens.file} has no token that is known to end a text`);
    expect(error.remedy).toBe('name the one that ends a text there by data.endOfText');
    const odd = await refusal({ file: raw('one\n\ntwo'), documents: 'blankLines', tokens, endOfText: '</s>' });
    expect(odd.problem).toBe(`data.documents: ${tokens.file} has no token "</s>"`);
    const found = await load({ file: raw('one two\n\ntwo'), documents: 'blankLines', tokens, endOfText: '!' });
    expect(found.encoding.input).toMatchObject({ endOfText: plain.encoding.classes!.indexOf('!') });
  });
});

it('a model of documents counts what it is asked, to the same bits from memory and from a file, on any number of threads', async () => {
  const text = Array.from({ length: 60 }, (_, i) => ['one two three', 'four five', 'six seven eight nine'][i % 3]).join(
    '\n\n',
  );
  const data = { ...base, file: raw(text), documents: 'blankLines', window: 8, stride: 4, validation: 0.2 };
  const config = writeConfig(folder, 'documents', {
    data,
    model: { layers: [{ embedding: { inputDim: 'classes', outputDim: 6 } }, { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['bitsPerByte'],
    training: { epochs: 1, batchSize: 32, shards: 2 },
  });
  const run = await trained(config, [], join(folder, 'runs'));
  const streamed = await trained(config, ['data.memory=1KB'], join(folder, 'runs'), 2);
  expect(resultOf(streamed)).toEqual(resultOf(run));

  const { examples, splits, encoding } = await load(data);
  const [input, target, mask] = examples.columns;
  const saved = await openModel(locateModel(run.start.folder, 'final'), undefined, () => {});
  const predict = await createPredictor(saved, () => {});
  const classes = encoding.classes!.length;
  let [sum, count, bytes] = [0, 0, 0];
  for (const row of splits.validation) {
    const [logits] = await predict([Float32Array.from(input.values.subarray(row, row + 8))], 1);
    for (let place = 0; place < 8; place++) {
      if (mask.values[row + place] === 0) continue;
      const own = Array.from(logits.subarray(place * classes, (place + 1) * classes));
      const id = target.values[row + place];
      sum += Math.log(own.reduce((all, logit) => all + Math.exp(logit), 0)) - own[id];
      count++;
      if (id !== classes - 1) bytes += Buffer.byteLength(encoding.classes![id]);
    }
  }
  closeExamples(examples);
  expect(run.end.validation!.loss).toBeCloseTo(sum / count, 5);
  expect(run.end.validation!.bitsPerByte).toBeCloseTo(sum / Math.LN2 / bytes, 5);
});
