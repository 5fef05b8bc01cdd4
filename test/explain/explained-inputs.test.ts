/** What the parts of a model's inputs are called. */
import { expect, it } from 'vitest';
import { partsOfInputs } from '../../coordinator/inference/explained-inputs.js';
import type { SavedModel } from '../../coordinator/inference/saved-model.js';
import { Tokenizer } from '../../src/data/text/tokenizer.js';
import { byteLevelJson } from '../../src/data/text/tokenizer-json.js';

it('tokens are called by the names that classes have: of bytes, by the text that they stand for', () => {
  const vocabulary = ['\u0120the', '\u010a', '\u00c3\u00a9', '\u00c3', '[END]\u3000'];
  const { names } = new Tokenizer(byteLevelJson({ tokens: vocabulary, merges: [] }, []));
  expect(names).toEqual([' the', '\n', 'é', '<0xC3>', '[END]\u3000']);
  const input = { kind: 'text', window: 2, targets: 'all', vocabulary };
  const saved = {
    inputs: [{ name: 'input', shape: [2] }],
    encoding: { input, classes: names },
  } as unknown as SavedModel;
  expect(partsOfInputs(saved)[0]).toEqual({ kind: 'places', vocabulary: names });
});
