/** How many tokens a model reads of an example: what the speed of a model of texts is told in. */
import { eachRow } from './each-row.js';
import { fieldsOfTable } from './encoding.js';
import type { Dataset } from './examples.js';

/**
 * Those of a window; of texts in tables the mean over the training split, without what fills them up. Undefined where there are no texts.
 */
export async function tokensPerExample({ examples, encoding, splits }: Dataset): Promise<number | undefined> {
  const { input } = encoding;
  if (input.kind === 'text') return input.window;
  if (input.kind !== 'table') return undefined;
  const texts = fieldsOfTable(input).filter(({ columns }) => columns.some((column) => 'tokenizer' in column));
  if (texts.length === 0) return undefined;
  const isTraining = new Uint8Array(examples.count);
  for (const row of splits.training) isTraining[row] = 1;
  let tokens = 0;
  for (const mask of examples.columns) {
    if (mask.role !== 'mask' || !texts.some(({ name }) => name === mask.of)) continue;
    const places = mask.shape[0]!;
    await eachRow(mask, examples.count, (values, start, example) => {
      for (let i = start; isTraining[example] && i < start + places; i++) tokens += values[i]!;
    });
  }
  return tokens / splits.training.length;
}
