/** Nothing is reported to anybody: ONNX Runtime's telemetry is off, and leaves no files. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/folder.js';
import { cliFile, compiled, configFile } from '../support/package.js';
import { skipIf } from '../support/skip-if.js';

const run = promisify(execFile);
const folder = temporaryFolder();

/** Runs the command in a home of its own, without the variables by which ONNX Runtime would keep quiet anyway. */
async function homes(name: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const [home, tmp] = ['home', 'tmp'].map((kind) => join(folder, `${kind}-${name}`));
  for (const made of [home, tmp]) mkdirSync(made);
  const { PATH, SystemRoot } = process.env;
  const env = { PATH, SystemRoot, HOME: home, USERPROFILE: home, TMPDIR: tmp, TEMP: tmp, TMP: tmp, ...more };
  await run(execPath, args as string[], { cwd: folder, env });
  return [home, tmp].flatMap((made) => readdirSync(made, { recursive: true }) as string[]);
}

skipIf(process.platform !== 'linux' && 'where the library reports is known of Linux alone').it(
  'a library that may report leaves files',
  async () => {
    // Whoever wants it to can have it.
    expect(await homes('reporting', [cliFile, 'doctor'], { ORT_DISABLE_TELEMETRY: '0' })).not.toEqual([]);
  },
);

it('train, evaluate and doctor leave nothing', async () => {
  const small = ['training.epochs=1', 'training.batchSize=64', 'data.examples=300'].flatMap((value) => [
    '--set',
    value,
  ]);
  const commands = [
    ['train', configFile('digits-mlp.yaml'), ...small, '--threads', '2'],
    ['evaluate', join('runs', 'digits-mlp-1')],
    ['doctor'],
  ];
  // In one process, most of which is to load the program.
  const program = `
    import { runProgram } from ${JSON.stringify(compiled('cli/program.js').href)};
    for (const args of ${JSON.stringify(commands)}) await runProgram(args);`;
  expect(await homes('quiet', ['--input-type=module', '--eval', program])).toEqual([]);
  expect(existsSync(join(folder, 'runs', 'digits-mlp-1', 'model', 'model.json'))).toBe(true);
});
