/** A short soak: workers join, leave and die while a run goes on, and it ends with the parameters of `train`. */
import { expect, it } from 'vitest';
import { soak } from '../../scripts/bench/soak.js';
import { temporaryFolder } from '../support/folder.js';

const folder = temporaryFolder();

it('comes to the parameters of train while workers come and go', async () => {
  const { sha256, changes, problems } = await soak({
    workers: 4,
    steps: 60,
    seed: 3,
    interval: 0.3,
    folder,
    tell: () => {},
  });
  expect(problems).toEqual([]);
  expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(changes.leave + changes.die).toBeGreaterThan(0);
});
