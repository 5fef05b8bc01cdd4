/** `npx vitest run NAME` needs no build before it: what is older than its source is compiled again. A build with nothing to do ends at once. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { pathToFileURL } from 'node:url';
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

it('has nothing to do as long as sources and what was made of them are as they were', async () => {
  const { isBuilt, noteBuilt, forgetBuilt } = await import(
    pathToFileURL(join(packageRoot, 'scripts', 'built.mjs')).href
  );
  const root = newPath();
  const outDir = join(root, 'dist');
  for (const part of ['src', 'cli', 'coordinator', 'worker', 'scripts', 'test', 'examples', 'page', 'dist']) {
    mkdirSync(join(root, part), { recursive: true });
    writeFileSync(join(root, part, 'a.ts'), 'one');
  }
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json']) writeFileSync(join(root, name), '{}');
  expect(isBuilt(root, outDir)).toBe(false);
  const changes = [
    () => writeFileSync(join(root, 'src', 'a.ts'), 'two'),
    () => writeFileSync(join(root, 'page', 'b.ts'), ''),
    () => writeFileSync(join(root, 'package-lock.json'), '{ }'),
    () => writeFileSync(join(outDir, 'a.ts'), ''),
    () => rmSync(join(outDir, 'a.ts')),
    () => forgetBuilt(outDir),
  ];
  for (const change of changes) {
    noteBuilt(root, outDir);
    expect(isBuilt(root, outDir)).toBe(true);
    change();
    expect(isBuilt(root, outDir)).toBe(false);
  }
});
