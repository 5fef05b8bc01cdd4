/** examples/ as they stand there, each run once as their README says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../support/folder.js';
import { buildFolder, packageRoot } from '../support/package.js';

const folder = temporaryFolder();
const source = join(packageRoot, 'examples');

/** What is printed, by the example; the last, a server, goes on. */
const programs = [
  'train-and-read-events.ts',
  'compare-two-models.js',
  'cluster-in-one-process.js',
  'own-model.ts',
  'scaling-experiment.js',
  'predict-in-a-server.js',
];
/** Modules that the programs name. */
const modules = ['circle.js', 'own-pieces.ts'];
const printed = new Map<string, string[]>(programs.map((name) => [name, []]));
let errors = '';
let child: ChildProcess;

const fileOf = (name: string): string =>
  name.endsWith('.ts') ? join(buildFolder, 'examples', name.replace(/ts$/, 'js')) : join(source, name);

/** In one process, since most of what each takes is to load the library. */
const runner = programs.map((name) => {
  return `console.log('run ${name}'); await import(${JSON.stringify(pathToFileURL(fileOf(name)).href)});`;
});

beforeAll(async () => {
  symlinkSync(source, join(folder, 'examples'), 'junction');
  const args = ['--input-type=module', '--eval', runner.join('\n')];
  child = spawn(execPath, args, { cwd: folder, env: { ...process.env, PORT: '0' } });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  let current = '';
  for await (const line of createInterface(child.stdout!)) {
    const [, name] = /^run (\S+)$/.exec(line) ?? [];
    if (name) current = name;
    else printed.get(current)!.push(line);
    if (line.startsWith('POST ')) break;
  }
});

afterAll(async () => {
  child.kill();
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
});

const linesOf = (name: string): string[] => printed.get(name)!;

it('are all in this test and in their README', () => {
  const files = readdirSync(source).filter((name) => name !== 'README.md');
  expect(files.toSorted()).toEqual([...programs, ...modules].toSorted());
  const readme = readFileSync(join(source, 'README.md'), 'utf8');
  const listed = [...readme.matchAll(/^\| \[`([^`]+)`\]\(\1\) \|/gm)].map(([, name]) => name);
  expect(listed.toSorted()).toEqual(programs.toSorted());
});

it('all run without a word of complaint', () => {
  expect(errors).toBe('');
  expect(linesOf('predict-in-a-server.js')).toHaveLength(1);
});

it('tell each epoch, the test and the hash', () => {
  const lines = linesOf('train-and-read-events.ts');
  expect(lines.filter((line) => /^epoch \d+: loss [\d.]+, accuracy [\d.]+$/.test(line))).toHaveLength(10);
  expect(Number(/^test accuracy ([\d.]+)$/.exec(lines.at(-2)!)![1])).toBeGreaterThan(0.8);
  expect(lines.at(-1)).toMatch(/^parameters sha256 [0-9a-f]{64}$/);
});

it('compare two models on the same test split', () => {
  const [linear, hidden] = linesOf('compare-two-models.js').map((line) => JSON.parse(line.replace(/^\w+ /, '')));
  expect(linear.accuracy).toBeGreaterThan(0.5);
  expect(hidden.topKAccuracy).toBeGreaterThan(hidden.accuracy);
});

it('train over a cluster in one process, to the bits of one thread', () => {
  const lines = linesOf('cluster-in-one-process.js');
  expect(lines.at(-1)).toBe('the same bits as on one thread: true');
  expect(lines).toContain('one joined');
  expect(lines).toContain('two joined');
});

it('train with a model, a loss and a metric of their own', () => {
  const test = JSON.parse(linesOf('own-model.ts')[0]);
  expect(Object.keys(test)).toEqual(['loss', 'mae', 'within']);
  expect(test.mae).toBeLessThan(0.2);
  expect(test.within).toBeGreaterThan(0.4);
});

it('measure two numbers of threads, which end with the same bits', () => {
  expect(linesOf('scaling-experiment.js').at(-1)).toMatch(/^speed-up [\d.]+, the same bits: true$/);
});

it('serve predictions, and tell a caller what is wrong with an input', async () => {
  const [, address] = / to (http:\S+)$/.exec(linesOf('predict-in-a-server.js')[0])!;
  const post = async (body: string) => {
    const response = await fetch(address, { method: 'POST', body });
    return { status: response.status, body: (await response.json()) as { name: string; score: number }[] };
  };
  const { status, body } = await post('[[0, 0], [2, 2]]');
  expect(status).toBe(200);
  expect(body.map(({ name }) => name)).toEqual(['0', '1']);
  expect(body[0].score).toBeGreaterThan(0.5);
  expect((await post('[[0, 0, 0]]')).status).toBe(400);
  expect((await post('{')).status).toBe(400);
});
