/** `npx vitest run NAME` needs no build before it: what is older than its source is compiled again. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { expect, it } from 'vitest';
import { newPaths } from '../support/folder.js';
import { buildFolder, packageRoot } from '../support/package.js';

const newPath = newPaths();

it('makes again what is older than its source, drops what has none, and leaves the rest', () => {
  const outDir = newPath();
  cpSync(buildFolder, outDir, { recursive: true, preserveTimestamps: true });
  const file = (name: string) => join(outDir, 'src', ...name.split('/'));
  writeFileSync(file('config/augment.js'), 'an old state');
  utimesSync(file('config/augment.js'), 0, 0);
  writeFileSync(file('config/renamed.js'), '');
  const thread = readFileSync(file('pool/thread.js'), 'utf8');
  writeFileSync(file('pool/thread.js'), 'made before a module of it changed');
  const untouched = statSync(file('config/load-config.js')).mtimeMs;

  execFileSync(execPath, [join(packageRoot, 'scripts', 'build.mjs'), '--changed', '--outDir', outDir]);

  expect(readFileSync(file('config/augment.js'), 'utf8')).toMatch(/^import \{ z \} from '\.\.\/zod\.js';$/m);
  expect(existsSync(file('config/renamed.js'))).toBe(false);
  expect(readFileSync(file('pool/thread.js'), 'utf8')).toBe(thread);
  expect(statSync(file('config/load-config.js')).mtimeMs).toBe(untouched);
});
