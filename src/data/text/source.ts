/**
 * `source: text`: a file as tokens, and windows of them as examples. Windows overlap, in memory or in a file: example `i` starts at token `i`, and
 * nothing is copied until a batch is.
 */
import type { TextConfig } from '../../config/text.js';
import { DataError } from '../../errors.js';
import { realPath } from '../../ground/real-path.js';
import { grouped } from '../../ground/units.js';
import { plainColumn } from '../examples.js';
import type { Reading } from '../reading.js';
import type { Source } from '../source.js';
import { givenOf } from '../splits/split-plan.js';
import { readCharacters } from './characters.js';
import { after } from './stored-tokens.js';
import { openText, type TextFile } from './text-file.js';
import { textWindows, tokensText } from './text-pieces.js';
import { readTokens } from './tokens.js';

/**
 * Examples of window shape [window] and, as targets, the token after the window ([]) or after each token of it ([window]). Characters are Unicode
 * code points.
 *
 * @throws DataError if the file is missing, empty, not UTF-8 or of one character only, or a split too short for a window
 */
export async function textSource(config: TextConfig, reading: Reading): Promise<Source> {
  const { window, targets, tokens } = config;
  const files: TextFile[] = [];
  try {
    for (const [key, path] of placesOf(config)) {
      files.push(await openText(path, { key: `data.${key}`, invalid: config.invalid }, reading));
    }
    const read =
      tokens === 'characters'
        ? await readCharacters(files, config, reading)
        : await readTokens(files, config, tokens, reading);
    const { vocabulary, count, features, classes, tokenizer } = read;
    const splits = textWindows(read.pieces, config);
    const input = plainColumn('input', { shape: [window], stride: 1, ...features });
    const target = plainColumn('target', {
      shape: targets === 'last' ? [] : [window],
      stride: 1,
      ...after(classes, targets === 'last' ? window : 1),
      categories: vocabulary.length,
    });
    return {
      examples: { count: count - window, columns: [input, target] },
      split: splits,
      origin: `windows of the ${grouped(count)} ${tokensText(config)} of ${files.map(({ file }) => file).join(', ')}`,
      encode: () => ({
        input: { kind: 'text', window, targets, vocabulary, ...(tokenizer && { tokenizer }) },
        classes: vocabulary,
      }),
    };
  } finally {
    for (const file of files) await file.close();
  }
}

/** The file that is divided, then those that splits have of their own. @throws DataError where two are the same */
function placesOf(config: TextConfig): (readonly [string, string])[] {
  const places = [
    ['file', config.file] as const,
    ...givenOf(config).map(({ split, own }) => [config.split ? `split.${split}` : split, own] as const),
  ];
  const paths = places.map(([, path]) => realPath(path));
  const twice = paths.findIndex((path, i) => paths.indexOf(path) < i);
  if (twice < 0) return places;
  throw new DataError(`data: the file ${paths[twice]} is to serve two splits`, 'give each split a file of its own');
}
