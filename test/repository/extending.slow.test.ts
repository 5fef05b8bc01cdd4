/** docs/extending: the steps of each page, applied literally to a copy of the sources, which is then checked, built and run. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/folder.js';
import { buildFolder, packageRoot } from '../support/package.js';
import { changed, isPrinted, type Step, stepsOf } from '../support/steps.js';

const folder = temporaryFolder();
const docs = join(packageRoot, 'docs', 'extending');
const index = readFileSync(join(docs, 'README.md'), 'utf8');
const pages = [...index.matchAll(/^\| \[[^\]]+\]\((\w+\.md)\) \|/gm)].map(([, page]) => page);
const steps = new Map(pages.map((page) => [page, stepsOf(readFileSync(join(docs, page), 'utf8'))]));
const all = [...steps.values()].flat();
const edits = all.filter((step) => step.kind !== 'run');
const touched = [...new Set(edits.map(({ file }) => file))];
const original = new Map<string, string | undefined>();

let tests: Promise<TestFile[]>;

const readIn = (root: string, file: string): string => readFileSync(join(root, file), 'utf8');
const packageFolder = (name: string) => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
const vitest = join(packageFolder('vitest'), 'vitest.mjs');
const compiler = join(packageFolder('typescript'), 'bin', 'tsc');
const biome = join(packageFolder('@biomejs/biome'), 'bin', 'biome');

function apply(step: Step): void {
  if (step.kind === 'run') return;
  const path = join(folder, step.file);
  mkdirSync(dirname(path), { recursive: true });
  if (step.kind === 'make') writeFileSync(path, step.text, { flag: 'wx' });
  else writeFileSync(path, changed(readIn(folder, step.file), step.from, step.to));
}

function undo(step: Step): void {
  if (step.kind === 'make') rmSync(join(folder, step.file));
  if (step.kind === 'change')
    writeFileSync(join(folder, step.file), changed(readIn(folder, step.file), step.to, step.from));
}

/** Runs a program of Node in the copy. */
function node(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<{ code: number; output: string }> {
  const { LOCKSTEP_DIST: _, VITEST: __, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(execPath, args, { cwd: folder, env: { ...env, ...more, NO_COLOR: '1' } }, (error, stdout, stderr) => {
      const code = error ? Number(error.code ?? 1) : 0;
      resolve({ code, output: stripVTControlCharacters(stdout + stderr) });
    });
  });
}

/** The tests that a page runs: files by a part of their path, and tests by a part of their name. */
const testRun = /^npx vitest run (\S+) -t (\S+)$/;

interface TestFile {
  readonly name: string;
  readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
}

/** All tests that pages run, in one go: each start of vitest takes two seconds. */
async function runTests(): Promise<TestFile[]> {
  const lines = all.flatMap((step) => (step.kind === 'run' ? step.commands : []));
  const runs = lines.map((line) => testRun.exec(line)).filter((run) => run !== null);
  const names = runs.map(([, , name]) => name).join('|');
  const report = join(folder, 'tests.json');
  const args = ['run', ...runs.map(([, files]) => files), '-t', names, '--reporter=json', `--outputFile=${report}`];
  const { output } = await node([vitest, ...args], { VITEST_MAX_WORKERS: '1' });
  try {
    return JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    throw new Error(output);
  }
}

/** What vitest says at the end of one of them. */
async function tested(files: string, name: string): Promise<{ code: number; output: string }> {
  const ran = (await tests).filter((file) => file.name.includes(files));
  const own = ran.map(({ assertionResults }) => assertionResults.filter(({ fullName }) => fullName.includes(name)));
  const chosen = own.filter((results) => results.length > 0);
  const failed = chosen.flat().filter(({ status }) => status !== 'passed');
  const code = chosen.length > 0 && failed.length === 0 ? 0 : 1;
  return { code, output: ` Test Files  ${chosen.length} passed (${chosen.length})\n${JSON.stringify(failed)}` };
}

/** A command of a page; what all pages build is built once. */
async function command(line: string): Promise<{ code: number; output: string }> {
  const words = line.split(' ');
  const env: Record<string, string> = {};
  while (words[0].includes('=')) {
    const [name, value] = words.shift()!.split('=');
    env[name] = value;
  }
  const [program, ...args] = words;
  if (program === 'node') return node(args, env);
  const [, files, name] = testRun.exec(line) ?? [];
  if (files !== undefined) return tested(files, name);
  expect(['npm run build', 'npm run schema']).toContain(line);
  return { code: 0, output: '' };
}

async function succeed(args: readonly string[]): Promise<void> {
  const { code, output } = await node(args);
  expect(code, output).toBe(0);
}

beforeAll(async () => {
  const parts = ['src', 'cli', 'coordinator', 'worker', 'scripts', 'test', 'examples', 'configs', 'docs', 'page'];
  const files = ['package.json', 'tsconfig.json', 'vitest.config.ts', 'biome.json'];
  // With their times, by which the build tells what has changed.
  for (const part of [...parts, ...files]) {
    cpSync(join(packageRoot, part), join(folder, part), { recursive: true, preserveTimestamps: true });
  }
  cpSync(buildFolder, join(folder, 'dist'), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'), 'junction');
  for (const step of edits) {
    if (!original.has(step.file)) original.set(step.file, step.kind === 'make' ? undefined : readIn(folder, step.file));
    apply(step);
  }
  await succeed(['scripts/build.mjs', '--changed']);
  await succeed(['dist/scripts/config-schema.js']);
  tests = runTests();
});

it('all pages are in the index', () => {
  expect(pages.toSorted()).toEqual(
    readdirSync(docs)
      .filter((name) => name !== 'README.md')
      .toSorted(),
  );
  for (const page of pages) expect(steps.get(page)!.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['run']));
});

it('what they add has types and form as the rest', async () => {
  const sources = touched.filter((file) => file.endsWith('.ts'));
  const include = ['src', 'cli', 'coordinator', 'worker', ...sources.filter((file) => file.startsWith('test/'))];
  // Nobody reads the declarations of the copy, which take a third of the time.
  const compilerOptions = { declaration: false };
  writeFileSync(join(folder, 'steps.json'), JSON.stringify({ extends: './tsconfig.json', include, compilerOptions }));
  await succeed([compiler, '-p', 'steps.json', '--noEmit', '--singleThreaded']);
  await succeed([biome, 'check', '--vcs-enabled=false', ...touched]);
});

describe.each(pages)('%s', (page) => {
  const runs = steps.get(page)!.filter((step) => step.kind === 'run');

  it('does what it says', async () => {
    for (const { commands, prints } of runs) {
      let printed = '';
      for (const line of commands) {
        const { code, output } = await command(line);
        expect(code, `${line}\n${output}`).toBe(0);
        printed += output;
      }
      for (const line of prints) expect(isPrinted(line, printed), `${line}\n${printed}`).toBe(true);
    }
  });
});

it('what they add is taken away by undoing each step', () => {
  for (const step of edits.toReversed()) undo(step);
  for (const file of touched) {
    const before = original.get(file);
    if (before === undefined) expect(() => readIn(folder, file)).toThrow(/ENOENT/);
    else expect(readIn(folder, file)).toBe(before);
  }
});
