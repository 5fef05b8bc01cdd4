/**
 * The tests that tfjs-core ships, with every kernel call compiled alone: what the compiled engine computes is what they
 * expect, and what it lacks it says by name. `LOCKSTEP_KERNELS=all` also feeds calls constants and channels-first values,
 * and runs the two tests of Otsu's method, which compile small kernels at each of 256 lengths.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { Summary } from '../../scripts/kernels/verdicts.js';
import { temporaryFolder } from '../support/folder.js';
import { compiled } from '../support/package.js';

const program = fileURLToPath(compiled('scripts/kernel-tests.js'));
const folder = temporaryFolder();
const chosen =
  process.env.LOCKSTEP_KERNELS === 'all'
    ? ['--modes', 'inputs,constants,turned']
    : ['--modes', 'inputs', '--without', 'otsu'];

it('pass on the compiled engine, or are refused by name', { timeout: 300_000 }, async () => {
  const file = join(folder, 'summary.json');
  // Thousands of graphs: collecting them while they are young takes an eighth of the time otherwise.
  await promisify(execFile)(process.execPath, ['--max-semi-space-size=64', program, ...chosen, '--json', file]);
  const { calling, counts, faults }: Summary = JSON.parse(readFileSync(file, 'utf8'));
  expect(faults).toEqual([]);
  expect(calling).toBeGreaterThan(2700);
  expect(counts).toMatchObject({ wrong: 0, late: 0 });
  expect(counts.passes).toBeGreaterThanOrEqual(2440);
});
