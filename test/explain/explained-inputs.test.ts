/** What the parts of a model's inputs are called. */
import { expect, it } from 'vitest';
import { partsOfInputs } from '../../coordinator/inference/explained-inputs.js';
import type { SavedModel } from '../../coordinator/inference/saved-model.js';
import { byteLevelJson } from '../../src/data/text/tokenizer-json.js';

it('tokens of bytes are read as the text that they stand for', () => {
  const vocabulary = ['\u0120the', '\u010a', '\u00c3\u00a9', '\u00c3', '[END]\u3000'];
  const named = (tokenizer: object | undefined) => {
    const input = { kind: 'text', window: 2, targets: 'all', vocabulary, tokenizer };
    const saved = { inputs: [{ name: 'input', shape: [2] }], encoding: { input } } as unknown as SavedModel;
    return partsOfInputs(saved)[0];
  };
  const bytes = byteLevelJson({ tokens: vocabulary, merges: [] }, []);
  expect(named(bytes)).toEqual({ kind: 'places', vocabulary: [' the', '\n', 'é', '\ufffd', '[END]\u3000'] });
  expect(named(undefined)).toEqual({ kind: 'places', vocabulary });
});
