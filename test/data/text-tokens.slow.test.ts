/** `source: text` with tokens: learned or read, of the same pieces as characters have, and kept with the model. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readText } from '../../cli/continuation.js';
import { continueText } from '../../coordinator/inference/continue-text.js';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { exportModel } from '../../coordinator/inference/export.js';
import { dataSchema } from '../../src/config/data.js';
import type { Dataset } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import type { ReadingOptions } from '../../src/data/reading.js';
import { Tokenizer } from '../../src/data/text/tokenizer.js';
import type { TokenizerJson } from '../../src/data/text/tokenizer-json.js';
import { DataError } from '../../src/errors.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { packageRoot } from '../support/package.js';
import { partsOf } from '../support/parts.js';
import { resultOf, trained, weightsOf } from '../support/runs.js';

const folder = temporaryFolder();
let files = 0;
function fileOf(content: string | Uint8Array): string {
  const file = join(folder, `tokens-${files++}.txt`);
  writeFileSync(file, content);
  return file;
}
const load = (options: object, reading?: ReadingOptions) =>
  loadDataset(dataSchema.parse({ source: 'text', window: 4, targets: 'all', ...options }), 0, reading);
const refusal = (options: object, reading?: ReadingOptions) =>
  load(options, reading).then(
    () => undefined,
    (reason) => reason,
  );

const {
  text,
  trained: references,
  read,
} = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/tokenizers.json'), 'utf8')) as {
  text: string;
  trained: { file: TokenizerJson }[];
  read: { file: TokenizerJson }[];
};
const bpe = { bpe: { vocabulary: 400 } };

function tokenizerOf({ encoding: { input } }: Dataset): Tokenizer {
  if (input.kind !== 'text' || !input.tokenizer) throw new Error('no tokenizer');
  return new Tokenizer(input.tokenizer);
}
/** All tokens of a split, those asked for by its last window among them. */
function tokensOf({ examples, splits }: Dataset, split: keyof Dataset['splits'], window: number): number[] {
  const rows = splits[split];
  return [...partsOf(examples).features.slice(rows[0], rows[rows.length - 1] + window + 1)];
}

describe('tokens that are learned', () => {
  it('are those of the reference, whatever is held out is not learned from', async () => {
    const other = 'zzz qqq zzz qqq '.repeat(30);
    const data = await load({ file: fileOf(text), validation: fileOf(other), tokens: bpe });
    const { input, classes } = data.encoding;
    expect(input).toMatchObject({ kind: 'text', window: 4, tokenizer: references[0].file });
    expect(classes).toHaveLength(400);
    expect(data.description).toContain('400 classes (windows of the ');
    const tokenizer = tokenizerOf(data);
    expect(tokenizer.decode(tokensOf(data, 'training', 4))).toBe(text);
    // No pair of it was merged.
    const zs = tokenizer.tokens.indexOf('z');
    expect(tokensOf(data, 'validation', 4).filter((token) => token === zs)).toHaveLength(180);
  });

  it('are of the same characters as in a config without them', async () => {
    const split = { file: fileOf(text), window: 1, validation: 0.2, test: 0.1 };
    const [tokens, characters] = [await load({ ...split, tokens: bpe }), await load(split)];
    for (const name of ['training', 'validation', 'test'] as const) {
      const names = characters.encoding.classes!;
      const wanted = tokensOf(characters, name, 1).map((token) => names[token]);
      expect(tokenizerOf(tokens).decode(tokensOf(tokens, name, 1))).toBe(wanted.join(''));
    }
  });

  it('take one copy of four bytes each, in memory that threads share', async () => {
    const { examples } = await load({ file: fileOf(text), tokens: bpe });
    const { features, targets } = partsOf(examples);
    expect(features.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(targets.buffer).toBe(features.buffer);
    expect(features.buffer.byteLength).toBe(4 * features.length);
  });

  it('are too few for a window: the message counts them', async () => {
    const { problem } = await refusal({ file: fileOf('the the the'), validation: 0, window: 9, tokens: bpe });
    expect(problem).toMatch(
      /^data.window: 9 tokens and the one after them do not fit into the \d of the training split$/,
    );
  });
});

describe('a tokenizer.json', () => {
  const saved = (name: string, content: unknown) => {
    const file = join(folder, name);
    writeFileSync(file, JSON.stringify(content));
    return { file };
  };

  it.each(read.map(({ file }) => [String(file.model.type), file] as const))(
    'of %s makes the tokens',
    async (name, file) => {
      const tokens = saved(`${name}.json`, file);
      const data = await load({ file: fileOf(text), tokens, validation: 0 });
      const lines = text.split(/(?<=\n)/).flatMap((line) => new Tokenizer(file).encode(line));
      expect(tokensOf(data, 'training', 4)).toEqual(lines);
    },
  );

  it.each([
    ['missing.json', undefined, 'no such file', 'set data.tokens.file to a tokenizer.json'],
    ['other.json', { a: 1 }, 'is not a tokenizer.json (added_tokens: ', 'tokenizer.save("tokenizer.json")'],
    [
      'strange.json',
      { ...references[0].file, model: { type: 'Odd', vocab: {} } },
      'is not a tokenizer.json (model.type: ',
      'tokenizer.save("tokenizer.json")',
    ],
  ])('%s is refused', async (name, content, problem, remedy) => {
    const tokens = content ? saved(name, content) : { file: join(folder, name) };
    const error = await refusal({ file: fileOf(text), tokens });
    expect(error).toBeInstanceOf(DataError);
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });
});

describe('bytes that are not UTF-8', () => {
  // A byte of Latin-1, a character that is cut, one of three bytes for what takes two, a surrogate, and the end of the file.
  const broken = Buffer.concat([
    ...[
      Buffer.from('all well é\nsecond caf'),
      Buffer.from([0xe9]),
      Buffer.from(' au lait '),
      Buffer.from([0xe2, 0x82]),
    ],
    ...[
      Buffer.from(' x\n'),
      Buffer.from([0xe0, 0x80, 0xaf]),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.from('end'),
      Buffer.from([0xf0, 0x9f]),
    ],
  ]);
  const place = 'line 2, byte 11 of it (0xE9)';

  it('are named by line and byte', async () => {
    const file = fileOf(broken);
    const { problem, remedy } = await refusal({ file, tokens: bpe });
    expect(problem).toBe(`data.file: ${file} is not UTF-8 text: ${place}`);
    expect(remedy).toContain('data.invalid: replace');
    // As a text to go on with.
    expect(() => readText(file)).toThrow(`${file} is not UTF-8 text: ${place}`);
  });

  it.each(['characters', bpe])('are replaced where the config says so, with a warning (%o)', async (tokens) => {
    const file = fileOf(broken);
    const warnings: string[] = [];
    const warn = (warning: string) => warnings.push(warning);
    const data = await load({ file, invalid: 'replace', validation: 0, tokens, window: 1 }, { warn });
    const wanted = new TextDecoder().decode(broken);
    const shown = tokensOf(data, 'training', 1);
    const names = data.encoding.classes!;
    expect(tokens === bpe ? tokenizerOf(data).decode(shown) : shown.map((token) => names[token]).join('')).toBe(wanted);
    const count = wanted.split('\ufffd').length - 1;
    expect(warnings).toEqual([
      `${file}: U+FFFD stands in ${count} places that are not UTF-8, the first at ${place}`,
      ...(tokens === bpe
        ? ['data.tokens.bpe.vocabulary: the text gives 262 tokens, not 400: no other pair comes 2 times']
        : []),
    ]);
  });

  it('are none where the file has U+FFFD of its own', async () => {
    const warnings: string[] = [];
    const warn = (warning: string) => warnings.push(warning);
    await load({ file: fileOf('a \ufffd b c d e f'), invalid: 'replace', validation: 0 }, { warn });
    expect(warnings).toEqual([]);
  });
});

describe('a model of tokens', () => {
  const rhyme = 'one two three four. wörter ✓ '.repeat(80);
  const data = {
    source: 'text',
    file: fileOf(rhyme),
    window: 6,
    targets: 'all',
    validation: 0.2,
    tokens: { bpe: { vocabulary: 290 } },
  };
  const config = {
    data,
    model: {
      layers: [
        { embedding: { inputDim: 'classes', outputDim: 12 } },
        { gru: { units: 16, returnSequences: true } },
        { dense: { units: 'classes' } },
      ],
    },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['perplexity', 'bitsPerByte', 'accuracy'],
    optimizer: { adam: { learningRate: 0.03 } },
    training: { epochs: 6, batchSize: 32, shards: 4 },
  };

  it('comes to the same bits on any number of threads, measures bits of the bytes there are, and goes on with a text', async () => {
    const file = writeConfig(folder, 'rhyme', config);
    const run = await trained(file, [], join(folder, 'runs'));
    const { validation } = run.end;
    const kept = await load(data);
    const asked = [...kept.splits.validation].flatMap((row) => [
      ...partsOf(kept.examples).features.slice(row + 1, row + 7),
    ]);
    const bytes = Buffer.byteLength(tokenizerOf(kept).decode(asked));
    expect(validation!.bitsPerByte).toBeCloseTo((validation!.loss * asked.length) / Math.LN2 / bytes, 4);
    expect(validation!.perplexity).toBeCloseTo(Math.exp(validation!.loss), 3);
    const other = await trained(file, [], join(folder, 'runs'), 2);
    expect(resultOf(other)).toEqual(resultOf(run));

    const place = run.start.folder;
    const again = await evaluate(place, { split: 'validation', model: 'final' });
    expect(again.metrics).toMatchObject({ loss: validation!.loss, bitsPerByte: validation!.bitsPerByte });
    const elsewhere = await evaluate(place, { data: fileOf(`${rhyme.slice(0, 600)} never seen: ß`), model: 'final' });
    expect(Number.isFinite(elsewhere.metrics.bitsPerByte)).toBe(true);

    const said = async (prompt: string) => {
      const parts: string[] = [];
      const drawn = await continueText(place, prompt, { temperature: 0, length: 8, model: 'final' });
      for await (const part of drawn) parts.push(part);
      return parts.join('');
    };
    expect(rhyme).toContain(`three four.${await said('one two three four.')}`);

    const tokenizer = JSON.parse(readFileSync(join(dirname(run.end.model!), 'tokenizer.json'), 'utf8'));
    expect(tokenizer.model.type).toBe('BPE');
    const output = join(folder, 'exported');
    await exportModel(place, { format: 'tfjs', output, model: 'final' });
    await exportModel(place, { format: 'tfjs', output, model: 'final', force: true });
    expect(JSON.parse(readFileSync(join(output, 'tokenizer.json'), 'utf8'))).toEqual(tokenizer);
    expect(weightsOf(join(output, 'model.json'))).toEqual(weightsOf(run.end.model!));
  });
});
