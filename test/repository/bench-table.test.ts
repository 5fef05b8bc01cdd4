/** The benchmark's table: what is measured once, what is compared, and the arithmetic that a step is judged by. */
import { describe, expect, it } from 'vitest';
import { flopsOf, stepProducts } from '../../scripts/bench/products.js';
import { playRounds } from '../../scripts/bench/rounds.js';
import { isMet, type Row, rowTable, scores } from '../../scripts/bench/rows.js';
import { sameText } from '../../scripts/bench/same-start.js';
import { decoderFlops, textWorkloads } from '../../scripts/bench/text-workloads.js';
import { workloads } from '../../scripts/bench/workloads.js';

describe('rounds', () => {
  it('measure in turn, and once what two ask for', async () => {
    const order: string[] = [];
    const probe = (key: string) => ({ key, measure: async () => ({ key, count: order.push(key) }) });
    const [a, b] = [probe('a'), probe('b')];
    const measured = await playRounds(2, [a, b, probe('a')]);
    expect(order).toEqual(['a', 'b', 'b', 'a']);
    expect(measured.of(b).map(({ count }) => count)).toEqual([2, 3]);
    expect(measured.of(probe('c'))).toEqual([]);
  });

  it('measure less often what wants fewer', async () => {
    const order: string[] = [];
    const probe = (key: string, rounds?: number) => ({
      key,
      rounds,
      measure: async () => ({ count: order.push(key) }),
    });
    const [a, b] = [probe('a'), probe('b', 1)];
    const measured = await playRounds(3, [b, a]);
    expect(order).toEqual(['b', 'a', 'a', 'a']);
    expect(measured.of(b)).toHaveLength(1);
  });
});

describe('a row', () => {
  const row: Row = {
    section: 'engine',
    what: 'train mlp',
    unit: 'ex/s',
    ours: [300, 100, 200],
    peer: { name: 'PyTorch', software: 'PyTorch 1', values: [100, 100, 50] },
    target: 3,
  };

  it('is judged by the median of the ratios of its rounds', () => {
    expect(scores(row)).toEqual([3, 1, 4]);
    expect(isMet(row)).toBe(true);
    expect(isMet({ ...row, target: 3.1 })).toBe(false);
    expect(rowTable([row]).trimEnd().split('\n').at(-1)).toMatch(
      /^engine {5}train mlp +ex\/s +200 +PyTorch +100 +3\.00 +1\.00-4\.00 +>= 3 met$/,
    );
  });

  it('of a time or of memory wants little', () => {
    expect(isMet({ ...row, unit: 'ms' })).toBe(true);
    expect(isMet({ ...row, unit: 'MB', target: 2.9 })).toBe(false);
  });

  it('without a peer is judged by its own figures', () => {
    const { peer, ...alone } = row;
    expect([isMet({ ...alone, target: 200 }), isMet({ ...alone, target: 201 })]).toEqual([true, false]);
    expect(isMet({ ...alone, target: undefined })).toBeUndefined();
  });
});

it('the text that both programs learn is that of torch_models.py, run with NumPy 2', () => {
  // some_text(2, 6)
  expect([...sameText(2, 6)]).toEqual([30, 16, 55, 37, 25, 19, 46, 41, 0, 7, 28, 26]);
});

describe('products of a step', () => {
  it('of the MLP are those of three layers, without a gradient for the input', () => {
    const [first, second, third] = [784 * 1024, 1024 * 1024, 1024 * 10];
    expect(flopsOf(stepProducts(workloads.mlp))).toBe(2 * 128 * (2 * first + 3 * second + 3 * third));
    expect(stepProducts(workloads.mlp).slice(0, 3)).toEqual([
      [128, 784, 1024],
      [784, 128, 1024],
      [128, 1024, 1024],
    ]);
  });

  it('of the CNN count a convolution as the product that it is equal to', () => {
    const first = 26 * 26 * 9 * 32;
    const second = 24 * 24 * 9 * 32 * 64;
    const dense = 12 * 12 * 64 * 128 + 128 * 10;
    expect(flopsOf(stepProducts(workloads.cnn))).toBe(2 * 64 * (2 * first + 3 * second + 3 * dense));
  });

  it('of a decoder count the places that each place sees', () => {
    const block = 4 * 128 * 128 + 2 * 128 * 512;
    const seen = 2 * 128 * ((64 * 65) / 2);
    expect(decoderFlops(textWorkloads['decoder-a'])).toBe(3 * 2 * 32 * (64 * (2 * block + 128 * 65) + 2 * seen));
  });
});
