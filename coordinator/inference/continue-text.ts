/** Continues a text, token by token, with a model that was trained on windows of one. */
import { uniformFloat32 } from 'pure-rand/distribution/uniformFloat32';
import { TextCoder, textInputs } from '../../src/data/text/inputs.js';
import { ConfigError } from '../../src/errors.js';
import { createPredictor } from '../../src/export/predictor.js';
import { randomStream } from '../../src/ground/random.js';
import { locateModel, type ModelChoice } from './locate.js';
import { outputsOfSaved, softmaxOf } from './output-meaning.js';
import { openModel } from './saved-model.js';

/** What text to go on with, and how. */
export interface ContinueOptions {
  /** Which model of the run: `best` by validation, `final`, or one at a path; default: the best, where there is one. */
  readonly model?: ModelChoice;
  /** Module whose default export makes the model; default: that of the run's config. */
  readonly module?: string;
  /** Tokens to add, which are characters where the model reads such; default 200. */
  readonly length?: number;
  /** Above 1 for more surprise, below for less, 0 for the likeliest token each time; default 1. */
  readonly temperature?: number;
  /** Decides what is drawn; default 0. */
  readonly seed?: number;
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
}

/**
 * @param place a run's folder or a model's
 * @returns what follows `text`, as it is drawn: a character at a time, or what a token adds
 * @throws LockstepError when there is no such model, it is none of text, or the text has characters that it does not know
 */
export async function continueText(
  place: string,
  text: string,
  options: ContinueOptions = {},
): Promise<AsyncIterable<string>> {
  const { length = 200, temperature = 1, seed = 0, warn = () => {} } = options;
  const located = locateModel(place, options.model);
  const saved = await openModel(located, options.module, warn);
  const encoding = saved.encoding?.input;
  if (encoding?.kind !== 'text') {
    throw new ConfigError(`${located.path}: is no model of text`, 'use one that was trained on data of source text');
  }
  const { vocabulary } = encoding;
  const coder = await TextCoder.open(encoding);
  // Checked and padded once; each token moves the window on by one.
  const window = await textInputs(text, encoding, coder);
  const isProbability = outputsOfSaved(saved).kind === 'softmax';
  const predict = await createPredictor(saved, warn);
  const random = randomStream('continue', seed);
  return (async function* parts() {
    const drawn: number[] = [];
    let shown = '';
    for (let i = 0; i < length; i++) {
      const [outputs] = await predict([window], 1);
      // A model of every place says last what follows the window.
      const last = outputs.subarray(outputs.length - vocabulary.length);
      const logits = isProbability ? Float64Array.from(last, Math.log) : Float64Array.from(last);
      const token = temperature === 0 ? highest(logits) : draw(logits, temperature, uniformFloat32(random));
      window.copyWithin(0, 1);
      window[window.length - 1] = token;
      drawn.push(token);
      // A character may take several tokens.
      const all = coder.decode(drawn, i + 1 < length);
      if (all.length > shown.length) yield all.slice(shown.length);
      shown = all;
    }
  })();
}

/** The first of the greatest. */
function highest(values: Float64Array): number {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
}

/** @param chance uniform in [0, 1) */
function draw(logits: Float64Array, temperature: number, chance: number): number {
  const probabilities = softmaxOf(logits.map((logit) => logit / temperature));
  let sum = 0;
  const token = probabilities.findIndex((probability) => {
    sum += probability;
    return chance < sum;
  });
  // Rounding may leave the sum below 1.
  return token >= 0 ? token : highest(probabilities);
}
