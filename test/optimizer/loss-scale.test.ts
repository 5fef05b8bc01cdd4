/** The scale of the loss in float16, beside that of PyTorch's GradScaler (scripts/peers/grad_scaler.py). */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { canSkip, initialLossScaling, scalingAfter, sumScale } from '../../src/optimizer/loss-scale.js';

const peer = JSON.parse(readFileSync('test/fixtures/grad-scaler.json', 'utf8'));

it('falls and rises after the steps after which that of PyTorch does', () => {
  let now = initialLossScaling;
  const changes: [number, number][] = [];
  for (let step = 0; step < 9000; step++) {
    const next = scalingAfter(now, !peer.overflows.includes(step));
    if (next.scale !== now.scale) changes.push([step, next.scale]);
    now = next;
  }
  expect(changes).toEqual(peer.changes);
  expect(now.skipped).toBe(peer.overflows.length);
});

it('lets no step be skipped at a scale of 1, and is exact for any number of examples', () => {
  let now = initialLossScaling;
  while (canSkip(now)) now = scalingAfter(now, false);
  expect(now).toEqual({ scale: 1, good: 0, skipped: 16 });
  for (const [examples, scale] of [
    [1, 65536],
    [2, 32768],
    [3, 16384],
    [256, 256],
    [257, 128],
  ] as const)
    expect(sumScale(initialLossScaling, examples)).toBe(scale);
});
