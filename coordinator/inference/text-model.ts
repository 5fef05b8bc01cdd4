/** A saved model that was trained on windows of a text: what it says of the token after a text. */
import { TextCoder, textRow } from '../../src/data/text/inputs.js';
import { ConfigError } from '../../src/errors.js';
import { createPredictor } from '../../src/export/predictor.js';
import { locateModel, type ModelChoice } from './locate.js';
import { outputsOfSaved } from './output-meaning.js';
import { openModel } from './saved-model.js';

export interface TextModelOptions {
  /** Which model of the run: `best` by validation, `final`, or one at a path; default: the best, where there is one. */
  readonly model?: ModelChoice;
  /** Module whose default export makes the model; default: that of the run's config. */
  readonly module?: string;
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
}

export interface TextModel {
  readonly coder: TextCoder;
  /**
   * Of every token that it be the next; in a time that does not depend on how many there are.
   * @param tokens of the text so far, of which the model reads those that fit its window
   * @returns logits, one for each token
   */
  logitsAfter(tokens: readonly number[]): Promise<Float64Array>;
}

/**
 * @param place a run's folder or a model's
 * @throws LockstepError when there is no such model, or it is none of text
 */
export async function openTextModel(place: string, options: TextModelOptions): Promise<TextModel> {
  const { warn = () => {} } = options;
  const located = locateModel(place, options.model);
  const saved = await openModel(located, options.module, warn);
  const encoding = saved.encoding?.input;
  if (encoding?.kind !== 'text') {
    throw new ConfigError(`${located.path}: is no model of text`, 'use one that was trained on data of source text');
  }
  const coder = await TextCoder.open(encoding);
  const { vocabulary, targets } = encoding;
  const isProbability = outputsOfSaved(saved).kind === 'softmax';
  const predict = await createPredictor(saved, warn);
  return {
    coder,
    async logitsAfter(tokens) {
      const { row, place } = textRow(tokens, encoding, coder);
      const [outputs] = await predict([row], 1);
      const end = targets === 'all' ? place * vocabulary.length : outputs.length;
      return Float64Array.from(outputs.subarray(end - vocabulary.length, end), isProbability ? Math.log : undefined);
    },
  };
}
