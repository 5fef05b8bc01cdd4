/** What the package depends on: its licences, and what an install of it runs. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compiled, packageRoot } from '../support/package.js';

const read = (file: string) => readFileSync(join(packageRoot, file), 'utf8');
const manifest = JSON.parse(read('package.json'));

interface Locked {
  readonly license?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}
const packages = Object.entries<Locked>(JSON.parse(read('package-lock.json')).packages)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => ({ name: path.replace(/^.*node_modules\//, ''), ...entry }));

/**
 * SPDX names of licences that ask no more of whoever passes Lockstep on than to keep notices. The LGPL asks that a library can
 * be exchanged: libvips, which comes with sharp, is a file of its own.
 */
const allowed = ['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT'];
const allowedOf = (name: string) => (name.startsWith('@img/sharp-') ? [...allowed, 'LGPL-3.0-or-later'] : allowed);

describe('dependencies', () => {
  const production = packages.filter(({ dev }) => !dev);

  it('have licences that the package can be passed on with', () => {
    expect(production.length).toBeGreaterThan(50);
    const termsOf = (license: string) => license.replace(/[()]/g, '').split(/ (?:AND|OR) /);
    const others = production.filter(
      ({ name, license }) => !license || termsOf(license).some((term) => !allowedOf(name).includes(term)),
    );
    expect(others.map(({ name, license }) => `${name}: ${license}`)).toEqual([]);
  });

  it('that stand in our own files keep their licences', () => {
    const license = readFileSync(
      join(dirname(fileURLToPath(import.meta.resolve('zod/package.json'))), 'LICENSE'),
      'utf8',
    );
    expect(readFileSync(compiled('src/zod.js'), 'utf8').startsWith(`/* zod:\n${license}*/`)).toBe(true);
    const programs = fileURLToPath(compiled('program/'));
    const texts = readdirSync(programs).map((name) => readFileSync(join(programs, name), 'utf8'));
    for (const [part, notice] of [
      [/^var LineCounter = /m, /^\/\* yaml [\d.]+:\nCopyright Eemeli Aro [^*]*Permission to use, copy, [^*]*\*\/\n/],
      [/^var BinaryWriter = /m, /^\/\* @bufbuild\/protobuf [\d.]+:\n\/\/ Copyright 2008 Google Inc/],
    ] as const) {
      const holding = texts.filter((text) => part.test(text));
      expect(holding).toHaveLength(1);
      expect(holding[0]).toMatch(notice);
    }
  });

  // The script of onnxruntime-node downloads CUDA libraries. npm runs what the lock file says to have one; from 11.16 on it asks
  // allowScripts too, which holds where the lock file is made anew.
  it('download nothing when they are installed', () => {
    const runtimes = packages.filter(({ name }) => name === 'onnxruntime-node');
    expect(runtimes.map(({ hasInstallScript = false }) => hasInstallScript)).toEqual([false]);
    expect(manifest.allowScripts).toMatchObject({ 'onnxruntime-node': false });
  });

  it('are installed without settings that npm does not know', () => {
    expect(existsSync(join(packageRoot, '.npmrc'))).toBe(false);
  });
});
