import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OutputError } from '../../src/errors.js';
import { assertWritable, createRunFolder } from '../../src/report/run-folder.js';
import { lockRun } from '../../src/report/run-lock.js';
import { compiled } from '../support/package.js';
import { skipIf } from '../support/skip-if.js';

const run = promisify(execFile);

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lockstep-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('createRunFolder', () => {
  it('counts up from the largest number of that name', () => {
    const runs = join(root, 'a', 'runs');
    expect(createRunFolder(runs, 'digits', 'config')).toBe(join(runs, 'digits-1'));
    expect(createRunFolder(runs, 'digits', 'config')).toBe(join(runs, 'digits-2'));
    for (const other of ['digits-9', 'digits-x', 'digits-mlp-30', 'digits-10b']) mkdirSync(join(runs, other));
    expect(createRunFolder(runs, 'digits', 'config')).toBe(join(runs, 'digits-10'));
    expect(createRunFolder(runs, 'digits-mlp', 'config')).toBe(join(runs, 'digits-mlp-31'));
    expect(readFileSync(join(runs, 'digits-mlp-31', 'config.yaml'), 'utf8')).toBe('config');
  });

  it('gives every one of several processes folders of its own', async () => {
    const module = compiled('src/report/run-folder.js').href;
    const code = `import { createRunFolder } from ${JSON.stringify(module)};
      for (let i = 0; i < 50; i++) console.log(createRunFolder(${JSON.stringify(join(root, 'runs'))}, 'x', 'config'));`;
    const process = () => run(execPath, ['--input-type=module', '--eval', code]);
    const outputs = await Promise.all([process(), process(), process()]);
    const folders = outputs.flatMap(({ stdout }) => stdout.trim().split('\n'));
    expect(folders).toHaveLength(150);
    expect(new Set(folders).size).toBe(150);
    expect(readdirSync(join(root, 'runs'))).toHaveLength(150);
  });

  it('steps over a name that is taken by a file', () => {
    writeFileSync(join(root, 'x-1'), '');
    expect(createRunFolder(root, 'x', 'config')).toBe(join(root, 'x-2'));
  });
});

describe('a parent that cannot hold a run', () => {
  it('is refused below a file, and left as it was', () => {
    writeFileSync(join(root, 'file'), '');
    for (const parent of [join(root, 'file'), join(root, 'file', 'runs')]) {
      const problem = `${parent}: cannot make a folder there (${join(root, 'file')} is a file, not a folder)`;
      const expected = new OutputError(problem, 'choose another folder with --out');
      expect(() => assertWritable(parent)).toThrow(expected);
      expect(() => createRunFolder(parent, 'x', 'config')).toThrow(expected);
    }
    expect(readdirSync(root)).toEqual(['file']);
  });

  it('is refused below a link that leads nowhere', () => {
    symlinkSync(join(root, 'nowhere'), join(root, 'link'));
    expect(() => createRunFolder(join(root, 'link', 'runs'), 'x', 'config')).toThrow(OutputError);
  });

  skipIf(!existsSync('/proc/self') && 'there is no /proc, which takes no folders').it(
    'is refused where the file system takes no folders',
    () => {
      expect(() => assertWritable('/proc/runs')).toThrow(OutputError);
      expect(() => createRunFolder('/proc/runs', 'x', 'config')).toThrow(OutputError);
    },
  );

  it('leaves no parent behind when the run folder itself cannot be made', () => {
    const tooLong = 'x'.repeat(300);
    expect(() => createRunFolder(join(root, 'a', 'b'), tooLong, 'config')).toThrow(OutputError);
    expect(readdirSync(root)).toEqual([]);
  });
});

describe('assertWritable', () => {
  it('accepts a folder that does not exist yet, and makes nothing', () => {
    assertWritable(join(root, 'a', 'b'));
    assertWritable(root);
    expect(readdirSync(root)).toEqual([]);
  });
});

describe('lockRun', () => {
  const lockFile = () => join(root, 'lock');

  it('lets one process at a time have a run, and gives it back', () => {
    const lock = lockRun(root);
    expect(() => lockRun(root)).toThrow(`${root}: process ${process.pid} is training this run`);
    lock.release();
    expect(readdirSync(root)).toEqual([]);
    lockRun(root).release();
  });

  it('is refused while another process is alive, and not after it was killed', async () => {
    const module = compiled('src/report/run-lock.js').href;
    const code = `import { lockRun } from ${JSON.stringify(module)};
      lockRun(${JSON.stringify(root)}); console.log('locked'); setInterval(() => {}, 1000);`;
    const other = spawn(execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(other.stdout, 'data');
    expect(() => lockRun(root)).toThrow(OutputError);
    other.kill('SIGKILL');
    await once(other, 'close');
    lockRun(root).release();
  });

  it('goes to one of several processes that find the lock of a killed one at the same moment', async () => {
    const module = compiled('src/report/run-lock.js').href;
    const code = `import { lockRun } from ${JSON.stringify(module)};
      import { once } from 'node:events';
      console.log('ready');
      for (const [folder, at] of JSON.parse((await once(process.stdin, 'data'))[0])) {
        while (Date.now() < at);
        try { lockRun(folder); console.log('won'); } catch { console.log('lost'); }
      }
      console.log('done');
      setInterval(() => {}, 1000);`;
    const folders = Array.from({ length: 20 }, (_, i) => join(root, String(i)));
    const ended = spawn(execPath, ['--eval', '']);
    await once(ended, 'close');
    for (const folder of folders) {
      mkdirSync(folder);
      writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: ended.pid, host: hostname() }));
    }
    const others = [1, 2, 3].map(() => spawn(execPath, ['--input-type=module', '--eval', code]));
    await Promise.all(others.map(({ stdout }) => once(stdout, 'data')));
    // None ends before all are done: its locks would be free again.
    const outputs = others.map(async ({ stdout }) => {
      let text = '';
      while (!text.includes('done')) text += (await once(stdout, 'data'))[0];
      return text.trim().split('\n');
    });
    const start = Date.now() + 100;
    const rounds = folders.map((folder, i) => [folder, start + i * 50]);
    for (const { stdin } of others) stdin.write(JSON.stringify(rounds));
    const words = await Promise.all(outputs);
    for (const other of others) other.kill();
    for (const round of folders.keys()) {
      expect(words.map((each) => each[round]).sort()).toEqual(['lost', 'lost', 'won']);
    }
  });

  it('passes over a lock that was cut off, and keeps one of another host', () => {
    writeFileSync(lockFile(), '{"pid"');
    lockRun(root).release();
    writeFileSync(lockFile(), '{"pid":1,"host":"elsewhere"}');
    expect(() => lockRun(root)).toThrow(`process 1 on elsewhere is training this run: stop it first`);
    // A process that has given no sign of life for minutes is gone, wherever it was.
    const before = new Date(Date.now() - 180_000);
    utimesSync(lockFile(), before, before);
    lockRun(root).release();
  });
});
