/** `lockstep data` as users run it: what it prints, what it leaves on disk, how it ends. */
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { DownloadEvent } from '../../src/download/download-events.js';
import { publishedSets } from '../../src/download/sets.js';
import { lockstepServed, startLockstep } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { fileServer, stallAfter } from '../support/file-server.js';
import { newFolders } from '../support/folder.js';
import { configFile } from '../support/package.js';

const newFolder = newFolders();

const eventsOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as DownloadEvent);

/** First of MNIST's files, in size. */
const [{ name: FIRST, size }] = publishedSets.get('mnist')!.files;
const content = Buffer.alloc(size, 'made up');

describe('lockstep data', () => {
  it('says what names there are, writes nothing and exits with 2 for bad input', async () => {
    const folder = newFolder();
    const cases: readonly [string[], RegExp][] = [
      [
        ['fashion-mnst'],
        /data set "fashion-mnst" is not known\nremedy: did you mean fashion-mnist\? Else choose from mnist/,
      ],
      [['imagenet'], /data set "imagenet" is not known\nremedy: choose from mnist, fashion-mnist, cifar10\n/],
      [['toString'], /data set "toString" is not known/],
      [['mnist', '--mirror', 'ftp://host/'], /--mirror ftp:\/\/host\/ is not an address\nremedy: .*https:/],
      [['mnist', '--mirror', 'host'], /--mirror host is not an address/],
    ];
    for (const [args, expected] of cases) {
      const { code, stdout, stderr } = await lockstepServed(['data', ...args], folder);
      expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
      expect(stdout).toMatch(expected);
    }
    expect((await lockstepServed(['data'], folder)).code).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('without a connection names host, files and hashes, and exits with 1', async () => {
    const server = await fileServer({});
    await server.close();
    const folder = newFolder();
    const { code, stdout } = await lockstepServed(['data', 'mnist', '--json', '--mirror', server.url], folder);
    expect(code).toBe(1);
    const [start, error] = eventsOf(stdout);
    expect(start).toEqual({ event: 'start', dir: 'data/mnist', files: 4, bytes: 11_594_722 });
    expect(error).toMatchObject({
      event: 'error',
      code: 'LOCKSTEP_DOWNLOAD',
      message: `${FIRST}: ${server.host} refuses the connection (ECONNREFUSED)`,
    });
    const { remedy } = error as Extract<DownloadEvent, { event: 'error' }>;
    for (const { name, sha256 } of publishedSets.get('mnist')!.files)
      expect(remedy).toContain(`\n  ${sha256}  ${name}`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('stopped by Ctrl-C keeps what has come; the same command goes on there', async () => {
    const server = await fileServer({ [`sub/${FIRST}`]: content });
    server.faults.push(stallAfter(1000));
    const folder = newFolder();
    // No slash at the end: file names are still added to it.
    const mirror = `${server.url}sub`;
    const args = ['data', 'mnist', '--mirror', mirror, '--dir', 'my data', '--json'];
    const partial = join(folder, 'my data', `${FIRST}.partial`);
    const running = startLockstep(args, folder);
    await running.says('"request"');
    await eventually('1000 bytes', () => statSync(partial, { throwIfNoEntry: false })?.size === 1000);
    running.process.kill('SIGINT');
    const stopped = await running.finished;
    expect(stopped).toMatchObject({ code: 130, stderr: '' });
    expect(eventsOf(stopped.stdout).at(-1)).toEqual({
      event: 'end',
      dir: 'my data',
      interrupted: true,
      next: `npx lockstep data mnist --dir ${process.platform === 'win32' ? '"my data"' : "'my data'"} --mirror ${mirror}`,
    });
    expect(readFileSync(partial).equals(content.subarray(0, 1000))).toBe(true);

    const again = await lockstepServed(args, folder);
    expect(server.requests.map(({ path, headers }) => [path, headers.range])).toEqual([
      [`sub/${FIRST}`, undefined],
      [`sub/${FIRST}`, 'bytes=1000-'],
      // What came is not MNIST: the part from before could be why, so all of it is fetched once more.
      [`sub/${FIRST}`, undefined],
    ]);
    expect(again.code).toBe(1);
    const { message } = eventsOf(again.stdout).at(-1) as Extract<DownloadEvent, { event: 'error' }>;
    expect(message).toContain(publishedSets.get('mnist')!.files[0].sha256);
    expect(readdirSync(join(folder, 'my data'))).toEqual([]);
  });

  it('keeps a complete set and ends with the command that trains on it', async () => {
    const folder = newFolder();
    const sizes = { 'train-images-idx4': 153_600_020, 'train-labels-idx1': 50_008, 't10k-images-idx4': 30_720_020 };
    for (const [name, size] of Object.entries({ ...sizes, 't10k-labels-idx1': 10_008 })) {
      const file = openSync(join(folder, `${name}-ubyte`), 'w');
      // Takes no room on disk.
      ftruncateSync(file, size);
      closeSync(file);
    }
    const { code, stdout, stderr } = await lockstepServed(['data', 'cifar10', '--dir', '.'], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.match(/ is here already\n/g)).toHaveLength(4);
    expect(stdout).toMatch(
      /Ready in \.\. Next:\n {2}npx lockstep train \S*configs.cifar10\.yaml .*--set data\.dir=\.\n$/,
    );
  });

  it('has a config for every set, which looks for it where it is put', () => {
    for (const { config, dir, files } of publishedSets.values()) {
      const { data } = loadRunConfig(configFile(config), ['data.test=t10k']);
      expect(data).toMatchObject({ source: 'idx', dir: `./${dir}`, test: 't10k' });
      for (const { sha256 } of files) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});
