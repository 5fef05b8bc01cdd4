/** A folder in which a program imports the package as users do. */

import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { buildFolder, packageRoot } from './package.js';

/** Installs the package there, as far as a program can tell. */
export function installInto(folder: string): void {
  const home = join(folder, 'node_modules', 'lockstep');
  mkdirSync(home, { recursive: true });
  copyFileSync(join(packageRoot, 'package.json'), join(home, 'package.json'));
  symlinkSync(buildFolder, join(home, 'dist'), 'junction');
  symlinkSync(join(packageRoot, 'configs'), join(home, 'configs'), 'junction');
  symlinkSync(
    join(packageRoot, 'node_modules', '@tensorflow'),
    join(folder, 'node_modules', '@tensorflow'),
    'junction',
  );
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
}

/** What the compiler has against files of that folder; empty where it has nothing. */
export async function typeErrors(folder: string, files: readonly string[], ...more: string[]): Promise<string> {
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const strict = ['--strict', '--noEmit', '--target', 'es2023', '--module', 'nodenext', '--skipLibCheck'];
  const types = ['--typeRoots', join(packageRoot, 'node_modules', '@types'), '--types', 'node'];
  const run = promisify(execFile)(execPath, [compiler, ...strict, ...types, ...more, ...files], { cwd: folder });
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  return stdout;
}
