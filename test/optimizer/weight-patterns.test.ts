/** Names of weights in the config of an optimizer: what a pattern names, and that one which names nothing is told. */
import { describe, expect, it } from 'vitest';
import { optimizerSchema } from '../../src/config/optimizer.js';
import { ModelError } from '../../src/errors.js';
import { slabLayout } from '../../src/model/slab.js';
import { checkPatterns, matchesAny } from '../../src/optimizer/weight-patterns.js';

it.each([
  ['bias', 'dense_1/bias', true],
  ['bias', 'dense_1/bias_extra', false],
  ['bias', 'block_1/attention_query_bias', true],
  ['query_bias', 'block_1/attention_query_bias', true],
  ['ias', 'block_1/attention_query_bias', false],
  ['norm', 'block_1/attention_norm_gamma', false],
  ['b*', 'dense_1/bias', true],
  ['*', 'dense_1/bias', true],
  ['dense*', 'dense_1/bias', false],
  ['dense_*/*', 'dense_1/bias', true],
  ['*/gamma', 'block/norm/gamma', true],
  ['block/*/gamma', 'block/norm/gamma', true],
  ['block/*/*/gamma', 'block/norm/gamma', false],
  ['g*a*a', 'norm/gamma', true],
  ['ga*amma', 'norm/gamma', false],
  ['gamma*', 'gamma', true],
  ['ga.ma', 'norm/gamma', false],
])('%s and %s: %s', (pattern, name, named) => {
  expect(matchesAny(name, [pattern])).toBe(named);
});

describe('checkPatterns', () => {
  const weight = (originalName: string) => ({ originalName, shape: [2] });
  const layout = slabLayout(
    [weight('dense/kernel'), weight('norm/gamma'), weight('gru/recurrent_kernel')],
    [],
    [weight('frozen/bias')],
  );
  const error = (...noDecay: string[]) => {
    try {
      checkPatterns(optimizerSchema.parse({ adamw: { noDecay } }), layout);
      return undefined;
    } catch (error) {
      return error as ModelError;
    }
  };

  it('takes those that name a weight', () => {
    expect(error('gamma', 'dense/*')).toBeUndefined();
    expect(() => checkPatterns(optimizerSchema.parse('sgd'), layout)).not.toThrow();
  });

  it.each([
    ['gama', 'did you mean gamma?'],
    ['dens/kernel', 'did you mean dense/kernel?'],
    ['recurent_kernel', 'did you mean recurrent_kernel?'],
    ['bias', 'leave it out; there are kernel, gamma'],
  ])('refuses %s', (pattern, remedy) => {
    const refused = error('gamma', pattern);
    expect(refused).toBeInstanceOf(ModelError);
    expect(refused?.message).toContain(`optimizer.adamw.noDecay: "${pattern}" names no weight that is trained`);
    expect(refused?.message).toContain(remedy);
  });
});
