/** Continues a text, token by token, with a model that was trained on windows of one. */
import { setImmediate } from 'node:timers/promises';
import { uniformFloat32 } from 'pure-rand/distribution/uniformFloat32';
import { randomStream } from '../../src/ground/random.js';
import { checkSampling, chosenToken, processedLogits, type SamplingOptions } from './sampling.js';
import { openTextModel, type TextModelOptions } from './text-model.js';

/** How to go on with a text. */
export interface ContinueOptions extends TextModelOptions, SamplingOptions {
  /** Tokens to add, which are characters where the model reads such; default 200. Fewer where the model ends the text before. */
  readonly length?: number;
  /** Decides what is drawn; default 0. */
  readonly seed?: number;
}

/**
 * @param place a run's folder or a model's
 * @returns what follows `text`, as it is drawn: a character at a time, or what a token adds
 * @throws LockstepError when there is no such model, it is none of text, the text has characters that it does not know, or an option is
 *   not what it may be
 */
export async function continueText(
  place: string,
  text: string,
  options: ContinueOptions = {},
): Promise<AsyncIterable<string>> {
  const goOn = await openContinuation(place, text, options);
  return goOn(options.seed ?? 0);
}

/** The same with any seed: the model is opened once. */
export async function openContinuation(
  place: string,
  text: string,
  options: Omit<ContinueOptions, 'seed'>,
): Promise<(seed: number) => AsyncIterable<string>> {
  const { length = 200, warn = () => {} } = options;
  checkSampling(options, warn);
  const model = await openTextModel(place, options);
  const { coder } = model;
  const prompt = coder.encode(text);
  return async function* parts(seed) {
    const random = randomStream('continue', seed);
    const tokens = [...prompt];
    const seen = new Set(prompt);
    const stream = coder.stream(prompt);
    for (let i = 0; i < length; i++) {
      const logits = processedLogits(await model.logitsAfter(tokens), seen, options);
      const token = chosenToken(logits, options, () => uniformFloat32(random));
      if (token === coder.endOfText) break;
      tokens.push(token);
      seen.add(token);
      const part = stream.push(token);
      if (part !== '') yield part;
      // Whoever reads may have more to do.
      await setImmediate();
    }
    const rest = stream.end();
    if (rest !== '') yield rest;
  };
}
