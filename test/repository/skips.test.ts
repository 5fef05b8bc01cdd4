/** No test is left out without a word: only test/support/skip-if.ts skips, and it prints the reason. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { packageRoot } from '../support/package.js';
import { skipIf } from '../support/skip-if.js';

const silent = [
  /\b(?:it|test|describe|suite|bench)\b[\w.]*\.(?:skip|skipIf|runIf|todo|only|fails)\b/,
  /\b(?:x?(?:it|describe|test))\.(?:each|for)\([^)]*\)\.skip/,
  /\b(?:context|ctx|task)\.skip\(/,
  /\(\{[^)]*\bskip\b[^)]*\}\) =>/,
  /\b(?:skip|todo|fails): true/,
];
const skips = (text: string) => silent.some((pattern) => pattern.test(text));

it('no test is skipped without its reason', () => {
  const files = (readdirSync(join(packageRoot, 'test'), { recursive: true }) as string[]).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('skip-if.ts') && !name.endsWith('skips.test.ts'),
  );
  expect(files.length).toBeGreaterThan(200);
  expect(files.filter((name) => skips(readFileSync(join(packageRoot, 'test', name), 'utf8')))).toEqual([]);
});

it.each([
  "it.skip('x', () => {})",
  "describe.skipIf(here)('x', () => {})",
  "describe.runIf(here).each([1])('x', () => {})",
  "it.concurrent.skip('x', () => {})",
  "it('x', (context) => context.skip())",
  "it('x', ({ skip }) => skip())",
  "it('x', { skip: true }, () => {})",
  "it.todo('x')",
  "test.only('x', () => {})",
])('%s is found', (text) => {
  expect(skips(text)).toBe(true);
});

it('a reason is printed', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  try {
    expect(skipIf(false).it).toBe(it);
    expect(skipIf(undefined).it).toBe(it);
    expect(warn).not.toHaveBeenCalled();
    expect(skipIf('there is no moon').it).not.toBe(it);
    expect(warn).toHaveBeenCalledExactlyOnceWith('skipped: there is no moon');
  } finally {
    warn.mockRestore();
  }
});
