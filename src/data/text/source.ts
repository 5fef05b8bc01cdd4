/**
 * `source: text`: a file as tokens, and windows of them as examples. Windows overlap, in memory or in a file: example `i` starts at token `i`, and
 * nothing is copied until a batch is.
 */
import type { TextConfig } from '../../config/text.js';
import { grouped, plural } from '../../ground/units.js';
import { eachOverlapping } from '../each-row.js';
import { plainColumn, type SourceColumn } from '../examples.js';
import type { Field } from '../field.js';
import type { Reading } from '../reading.js';
import { closeExamples } from '../row-writer.js';
import type { Source } from '../source.js';
import { readCharacters } from './characters.js';
import { after, type StoredTokens, storeFor } from './stored-tokens.js';
import { textWindows, tokensText } from './text-pieces.js';
import { openPlaces, type TextPlace } from './text-place.js';
import type { TokenizedText } from './tokenized.js';
import { readTokens } from './tokens.js';

/**
 * Examples of window shape [window] and, as targets, the token after the window ([]) or after each token of it ([window]). Characters are Unicode
 * code points.
 *
 * @throws DataError if the file is missing, empty, not UTF-8 or of one character only, or a split too short for a window
 */
export async function textSource(config: TextConfig, reading: Reading): Promise<Source> {
  const { window, tokens } = config;
  const places = await openPlaces(config, reading);
  try {
    const read =
      tokens === 'characters'
        ? await readCharacters(places, config, reading)
        : await readTokens(places, config, tokens, reading);
    return await windowsOf(read, config, places).catch((error) => {
      closeExamples({ columns: [inputOf(read, window), targetOf(read, config)] });
      throw error;
    });
  } finally {
    for (const place of places) await place.close();
  }
}

const inputOf = ({ features }: TokenizedText, window: number) =>
  plainColumn('input', { shape: [window], stride: 1, ...features });

const targetOf = (
  { classes, vocabulary }: TokenizedText,
  { window, targets }: Pick<TextConfig, 'window' | 'targets'>,
) =>
  plainColumn('target', {
    shape: targets === 'last' ? [] : [window],
    stride: 1,
    ...after(classes, targets === 'last' ? window : 1),
    categories: vocabulary.length,
  });

async function windowsOf(read: TokenizedText, config: TextConfig, places: readonly TextPlace[]): Promise<Source> {
  const { window, targets } = config;
  const { vocabulary, names, count, tokenizer, end } = read;
  const ends = end === undefined ? undefined : await endsOf(read.classes, end, count);
  const split = textWindows(read.pieces, config, ends);
  const [input, target] = [inputOf(read, window), targetOf(read, config)];
  const mask = ends && targets === 'all' ? [borderMask(target, ends, !input.file)] : [];
  return {
    examples: { count: count - window, columns: [input, target, ...mask] },
    split,
    origin: originOf(count, ends, config, places),
    encode: () => ({
      input: {
        ...{ kind: 'text', window, targets, vocabulary },
        ...(tokenizer && { tokenizer }),
        ...(end !== undefined && { endOfText: end }),
      },
      classes: names,
    }),
  };
}

/** 1 for each token that ends a document. */
async function endsOf({ values, file }: StoredTokens, end: number, count: number): Promise<Uint8Array> {
  const ends = new Uint8Array(count);
  await eachOverlapping({ values, file, type: 'int32' }, (some, place) => {
    for (let i = 0; i < some.length; i++) if (some[i] === end) ends[place + i] = 1;
  });
  return ends;
}

/** 0 for the first token of a document as a target: it does not follow from what stands before. */
function borderMask({ name, shape }: Field, ends: Uint8Array, isInMemory: boolean): SourceColumn {
  const store = storeFor('float32', ends.length, isInMemory);
  for (const end of ends) store.append(1 - end);
  return { name: `${name}_mask`, role: 'mask', type: 'float32', shape, stride: 1, of: name, ...store.finish() };
}

function originOf(
  count: number,
  ends: Uint8Array | undefined,
  config: TextConfig,
  places: readonly TextPlace[],
): string {
  const documents = ends?.reduce((sum, end) => sum + end, 0);
  const parts = documents === undefined ? '' : ` in ${plural(documents, 'document')}`;
  return `windows of the ${grouped(count)} ${tokensText(config)}${parts} of ${places.map(({ name }) => name).join(', ')}`;
}
