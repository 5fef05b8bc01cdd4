/** The file by which ranks meet: for one user's eyes, and believed only where nobody else can have written it. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, OutputError } from '../../src/errors.js';
import { Announcer } from '../../src/launch/announcer.js';
import { firstReachable } from '../../src/launch/reach.js';
import {
  jobFolder,
  makeJobFolder,
  noticeFile,
  readNotice,
  removeNotice,
  writeNotice,
} from '../../src/launch/rendezvous.js';
import { newFolders } from '../support/folder.js';
import { patience } from '../support/patience.js';
import { skipIf } from '../support/skip-if.js';

const newFolder = newFolders();
const notice = { state: 'listening' as const, id: 'a', host: 'n1', urls: ['ws://n1:1'], token: 'secret' };

function newFile(): string {
  const folder = jobFolder(newFolder(), 'job');
  makeJobFolder(folder);
  return noticeFile(folder, 'step-0');
}

describe('a notice', () => {
  it('is read as it was written, and gone with its folder', () => {
    const file = newFile();
    expect(readNotice(file)).toBeUndefined();
    writeNotice(file, notice);
    expect(readNotice(file)).toEqual(notice);
    removeNotice(file);
    expect(existsSync(join(file, '..'))).toBe(false);
  });

  it('is no secret of a folder that another start uses too', () => {
    const file = newFile();
    const other = noticeFile(join(file, '..'), 'step-1');
    writeNotice(file, notice);
    writeNotice(other, notice);
    removeNotice(file);
    expect(readNotice(other)).toEqual(notice);
  });

  it('is none while it is not whole, whatever its time', () => {
    const file = newFile();
    writeFileSync(file, '{"state":"list', { mode: 0o600 });
    expect(readNotice(file)).toBeUndefined();
    writeNotice(file, notice);
    utimesSync(file, new Date(0), new Date(0));
    expect(readNotice(file)).toEqual(notice);
  });

  it('goes from preparing to listening, and tells why nothing comes of it', async () => {
    const file = newFile();
    const announcer = new Announcer(file, 'n1');
    expect(readNotice(file)).toMatchObject({ state: 'preparing', host: 'n1' });
    announcer.listening(['ws://n1:1'], 'secret');
    expect(readNotice(file)).toMatchObject({ state: 'listening', token: 'secret' });
    await announcer.end({ exitCode: 1, message: 'x', remedy: 'y' }, new AbortController().signal);
    expect(existsSync(file)).toBe(false);
  });

  it('is not waited for by a rank 0 that is told to end', async () => {
    const file = newFile();
    const abort = new AbortController();
    const ended = new Announcer(file, 'n1').end({ exitCode: 2, message: 'x', remedy: 'y' }, abort.signal);
    expect(readNotice(file)).toMatchObject({ state: 'over', exitCode: 2 });
    abort.abort();
    await new Promise(setImmediate);
    expect(existsSync(file)).toBe(false);
    await ended;
  });

  it('is told where its folder cannot be made', () => {
    const parent = newFolder();
    writeFileSync(join(parent, 'file'), '');
    for (const folder of [join(parent, 'file', 'job'), join(parent, 'file')]) {
      expect(() => makeJobFolder(folder)).toThrow(OutputError);
    }
  });
});

const posix = skipIf(process.platform === 'win32' && 'notices of others: Windows has no owners and modes of files');

posix.describe('a notice that is not to be trusted', () => {
  it('is for its user alone', () => {
    const file = newFile();
    writeNotice(file, notice);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
    for (const mode of [0o640, 0o602, 0o660]) {
      chmodSync(file, mode);
      expect(() => readNotice(file)).toThrow(ConfigError);
    }
  });

  it('is not a link to another file', () => {
    const file = newFile();
    writeNotice(`${file}.other`, notice);
    symlinkSync(`${file}.other`, file);
    expect(() => readNotice(file)).toThrow('is not trusted');
  });

  it('is a file of a few bytes: a pipe is not waited for, and a folder or a huge file not read', () => {
    const fill: Record<string, (file: string) => void> = {
      'no ordinary file': (file) => mkdirSync(file, { mode: 0o700 }),
      'is no ordinary file': (file) => execFileSync('mkfifo', ['-m', '600', file]),
      'has 3000000000 bytes': (file) => {
        writeFileSync(file, '', { mode: 0o600 });
        truncateSync(file, 3e9);
      },
    };
    for (const [why, make] of Object.entries(fill)) {
      const file = newFile();
      make(file);
      expect(() => readNotice(file)).toThrow(why);
    }
  });

  it('says no exit code that a process cannot have', () => {
    const file = newFile();
    const over = { state: 'over' as const, id: 'a', host: 'n1', message: 'x', remedy: 'y' };
    for (const exitCode of [-256, 256]) {
      writeNotice(file, { ...over, exitCode });
      expect(readNotice(file)).toBeUndefined();
    }
  });

  it('does not keep the mode of what was left there', () => {
    const file = newFile();
    writeFileSync(`${file}.partial`, '', { mode: 0o666 });
    chmodSync(`${file}.partial`, 0o666);
    writeNotice(file, notice);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

const root = skipIf(process.geteuid?.() !== 0 && 'a notice of another user: only root can make one');

root.it("a notice of another user's is not believed", () => {
  const file = newFile();
  writeNotice(file, notice);
  chownSync(file, 12345, 12345);
  expect(() => readNotice(file)).toThrow('belongs to user 12345');
});

it('of several addresses the first is taken where somebody listens', async () => {
  const servers = [createServer(), createServer()];
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const [closed, open] = servers.map((server) => `ws://127.0.0.1:${(server.address() as { port: number }).port}`);
  await new Promise((resolve) => servers[0].close(resolve));
  try {
    expect(await firstReachable([closed, open], patience)).toBe(open);
    expect(await firstReachable([closed, 'ws://no host:1'], 2000)).toBeUndefined();
  } finally {
    servers[1].close();
  }
});
