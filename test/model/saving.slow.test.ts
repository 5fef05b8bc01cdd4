/** Saved models are whole at every moment, however the run that writes them ends. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { OutputError } from '../../src/errors.js';
import { writeFileAtomically, writeFolderAtomically } from '../../src/ground/atomic-file.js';
import { readModelFile } from '../../src/model/files/model-file.js';
import { startLockstep } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/folder.js';
import { configFile } from '../support/package.js';

const folder = temporaryFolder();

it('a run that is killed leaves a model that loads, with how to read its inputs', async () => {
  // Every epoch takes under a millisecond and is the best so far: the run does little else than save.
  const endless = ['--set', 'training.epochs=100000', '--set', 'optimizer.sgd.learningRate=1e-6', '--threads', '1'];
  const run = startLockstep(['train', configFile('linear-regression.yaml'), ...endless], folder);
  const best = join(folder, 'runs', 'linear-regression-1', 'best');
  await eventually('a best model', () => existsSync(best) || run.process.exitCode !== null);
  const seen = new Set<string>();
  for (let look = 0; look < 40; look++) {
    const { weights } = await readModelFile(best);
    seen.add([...weights!].map(([name, { values }]) => `${name} ${values.join()}`).join(';'));
    expect(JSON.parse(readFileSync(join(best, 'encoding.json'), 'utf8'))).toEqual({
      input: { kind: 'numbers', scale: 1 },
      outputs: { loss: 'meanSquaredError', kind: 'logits' },
    });
    // Looks are spread over many savings, at any moment of one.
    await delay(3);
  }
  run.process.kill('SIGKILL');
  expect((await run.finished).signal).toBe('SIGKILL');
  const { weights } = await readModelFile(best);
  expect([...weights!.keys()]).toEqual(['dense_1/kernel', 'dense_1/bias']);
  expect(seen.size).toBeGreaterThan(5);
});

it('a folder whose making was broken off is made anew', () => {
  const target = join(folder, 'made');
  writeFolderAtomically(`${target}.partial`, { stale: 'left behind' });
  writeFolderAtomically(target, { a: 'one', b: [Uint8Array.of(1, 2), Uint8Array.of(3)] });
  expect(existsSync(join(target, 'stale'))).toBe(false);
  expect(existsSync(`${target}.partial`)).toBe(false);
  expect([...readFileSync(join(target, 'b'))]).toEqual([1, 2, 3]);
  writeFolderAtomically(target, { a: 'two' });
  expect(readFileSync(join(target, 'a'), 'utf8')).toBe('two');
  expect([...readFileSync(join(target, 'b'))]).toEqual([1, 2, 3]);
});

it('a folder whose name is taken while it is made leaves nothing of itself', () => {
  const target = join(folder, 'taken');
  const files = {
    a: 'one',
    get b() {
      writeFileSync(target, 'of somebody else');
      return 'two';
    },
  };
  expect(() => writeFolderAtomically(target, files)).toThrow(OutputError);
  expect(readFileSync(target, 'utf8')).toBe('of somebody else');
  expect(existsSync(`${target}.partial`)).toBe(false);
});

it('what cannot be written is told by its path', () => {
  writeFileAtomically(join(folder, 'deep', 'file'), 'text');
  expect(() => writeFileAtomically(join(folder, 'deep', 'file', 'below'), 'text')).toThrow(OutputError);
  expect(() => writeFolderAtomically(join(folder, 'deep', 'file', 'below'), { a: 'text' })).toThrow(/below: cannot be/);
});
