/** scripts/tensorflow.mjs refuses what it cannot mean before it touches anything. What it builds, only a network can test. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { snapshot, temporaryFolder } from '../support/folder.js';
import { packageRoot } from '../support/package.js';

const folder = temporaryFolder();
const script = join(packageRoot, 'scripts', 'tensorflow.mjs');

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

it.each([
  { args: [], says: 'give either --wheel or --libtensorflow' },
  { args: ['--wheel', '--libtensorflow', '.'], says: 'give either --wheel or --libtensorflow' },
  { args: ['--wheels'], says: "unknown option '--wheels'" },
  { args: ['--wheel', 'newest'], says: '--wheel newest is neither a version nor a wheel' },
  { args: ['--wheel', 'missing.whl'], says: '--wheel missing.whl is neither a version nor a wheel' },
  { args: ['--libtensorflow', 'missing'], says: 'missing has no folder lib' },
])('$args is refused with exit code 2', ({ args, says }) => {
  const { status, stdout, stderr } = run(...args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(`error: ${says}`);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(snapshot(folder)).toEqual([]);
});

it('explains itself', () => {
  const { status, stdout } = run('--help');
  expect(status).toBe(0);
  expect(stdout).toContain('--wheel [version or file]');
});
