/** Downloads from a server on loopback: what arrives is whole, or the error says why it cannot be had. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { idxExamples } from '../../src/data/idx/folder.js';
import { DownloadError, OutputError } from '../../src/errors.js';
import { bytesOf, content, download, expectWhole, file, NAME, published } from '../support/downloads.js';
import { answerWith, fileServer } from '../support/file-server.js';
import { newPaths } from '../support/folder.js';
import { mnistFolder } from '../support/package.js';
import { partsOf } from '../support/parts.js';
import { skipIf } from '../support/skip-if.js';

const noMnist = !existsSync(mnistFolder) && `there is no folder ${mnistFolder}`;

const newFolder = newPaths();

describe('a download', () => {
  it('brings every file and says so; the next keeps them and asks nothing', async () => {
    const labels = bytesOf(1, 1000);
    const server = await fileServer({ [NAME]: content, 'labels.gz': labels });
    const dir = join(newFolder(), 'made', 'on', 'the', 'way');
    const files = [published('labels.gz', labels), file];
    const first = await download(server.url, dir, { files });
    expect(first.error).toBeUndefined();
    expect(first.events).toEqual([
      { event: 'start', dir, files: 2, bytes: 301_000 },
      { event: 'request', file: 'labels.gz', host: server.host, from: 0, bytes: 1000 },
      { event: 'file', file: 'labels.gz', bytes: 1000, sha256: files[0].sha256 },
      { event: 'request', file: NAME, host: server.host, from: 0, bytes: 300_000 },
      { event: 'file', file: NAME, bytes: 300_000, sha256: file.sha256 },
    ]);
    expect(readdirSync(dir).sort()).toEqual([NAME, 'labels.gz']);
    expect(readFileSync(join(dir, NAME)).equals(content)).toBe(true);
    expect(readFileSync(join(dir, 'labels.gz')).equals(labels)).toBe(true);

    const second = await download(server.url, dir, { files });
    expect(second.events).toEqual(files.map(({ name, size }) => ({ event: 'kept', file: name, bytes: size })));
    expect(server.requests).toHaveLength(2);
  });

  skipIf(noMnist).it('of MNIST is ready for the idx source', async () => {
    const names = ['t10k-labels-idx1-ubyte.gz', 't10k-images-idx3-ubyte.gz'];
    const real = Object.fromEntries(names.map((name) => [name, readFileSync(join(mnistFolder, name))]));
    const server = await fileServer(real);
    const dir = newFolder();
    const { error } = await download(server.url, dir, { files: names.map((name) => published(name, real[name])) });
    expect(error).toBeUndefined();
    const { examples } = await idxExamples({ source: 'idx', dir, validation: 0, test: 0, stratify: false });
    expect(partsOf(examples)).toMatchObject({ count: 10_000, featureShape: [28, 28, 1], classes: 10 });
    expect([...partsOf(examples).targets.subarray(0, 8)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9]);
  });

  it('takes what a server declares to be gzip-encoded as it is', async () => {
    const zipped = gzipSync(content);
    const server = await fileServer({});
    server.faults.push((response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped));
    const dir = newFolder();
    const { error } = await download(server.url, dir, { files: [published(NAME, zipped)] });
    expect(error).toBeUndefined();
    expectWhole(dir, zipped);
    expect(server.requests[0].headers['accept-encoding']).toBe('identity');
  });

  it('follows redirects, to another host too, but not in circles and not out of HTTP', async () => {
    const far = await fileServer({ 'cdn/images.gz': content });
    const server = await fileServer({});
    server.faults.push(answerWith(302, { location: '/moved' }), answerWith(307, { location: `${far.url}cdn/${NAME}` }));
    const dir = newFolder();
    const { error, events } = await download(server.url, dir);
    expect(error).toBeUndefined();
    expectWhole(dir);
    expect(events[1]).toMatchObject({ event: 'request', host: far.host });

    server.faults.push(...Array.from({ length: 6 }, () => answerWith(301, { location: `/${NAME}` })));
    const circle = await download(server.url, newFolder());
    expect(circle.error!.message).toContain(`${NAME}: ${server.host} redirects more than 5 times`);
    server.faults.push(answerWith(302, { location: 'file:///etc/passwd' }));
    const out = await download(server.url, newFolder());
    expect(out.error!.message).toContain(`${server.host} redirects to "file:///etc/passwd"`);
    expect(server.faults).toEqual([]);
  });
});

describe('an error', () => {
  it('names both hashes where the content is another, and nothing of it stays', async () => {
    const wrong = bytesOf(8, content.length);
    const server = await fileServer({ [NAME]: wrong });
    const dir = newFolder();
    const { error } = await download(server.url, dir);
    expect(error).toBeInstanceOf(DownloadError);
    const got = published(NAME, wrong).sha256;
    expect(error!.message).toContain(
      `${NAME}: what ${server.host} has sent has the SHA-256 ${got}, the published file ${file.sha256}`,
    );
    expect(readdirSync(dir)).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });

  it('comes before the body where its length is wrong, and at the first byte too many', async () => {
    const server = await fileServer({});
    server.faults.push(answerWith(200, { 'content-type': 'text/html', 'content-length': '17' }, '<p>Please log in.'));
    const dir = newFolder();
    const gateway = await download(server.url, dir);
    expect(gateway.error!.message).toContain(
      `${server.host} offers 17 bytes of text/html, the published file has 300,000 bytes`,
    );
    expect(existsSync(dir)).toBe(false);

    server.faults.push((response) => response.writeHead(200).end(Buffer.concat([content, content])));
    const endless = await download(server.url, dir);
    expect(endless.error!.message).toContain(`${server.host} sends more than the 300,000 bytes of the published file`);
    expect(existsSync(join(dir, NAME))).toBe(false);
  });

  it('comes when every home has failed, and says how each did and what to do by hand', async () => {
    const empty = await fileServer({});
    const closed = await fileServer({});
    await closed.close();
    const dir = newFolder();
    const { error, warnings } = await download([closed.url, empty.url], dir);
    expect(error).toBeInstanceOf(DownloadError);
    const refused = `${closed.host} refuses the connection (ECONNREFUSED)`;
    expect(warnings).toEqual([`${NAME}: ${refused}; trying ${empty.host}`]);
    const { problem, remedy, exitCode } = error as DownloadError;
    expect(problem).toBe(`${NAME}: ${refused}; ${empty.host} answers 404 Not Found`);
    expect(remedy).toContain('--mirror');
    expect(remedy).toContain(`put them into ${dir} by hand; their SHA-256:\n  ${file.sha256}  ${NAME}`);
    expect(exitCode).toBe(1);
    expect(existsSync(dir)).toBe(false);
  });

  it('names the host where there is no such name', async () => {
    const { error } = await download('http://no-such-host.invalid/', newFolder());
    expect(error).toBeInstanceOf(DownloadError);
    expect(error!.message).toMatch(/no-such-host\.invalid has no address: .* \((ENOTFOUND|EAI_AGAIN)\)/);
  });

  it('comes before any request where the folder cannot be made, or has no room', async () => {
    const server = await fileServer({ [NAME]: content });
    const dir = newFolder();
    mkdirSync(dir);
    writeFileSync(join(dir, 'file'), '');
    const below = await download(server.url, join(dir, 'file', 'data'));
    expect(below.error).toBeInstanceOf(OutputError);
    expect(below.error!.message).toMatch(/file is a file, not a folder\): .* --dir/);
    const huge = await download(server.url, dir, { files: [{ ...file, size: 2 ** 52 }] });
    expect(huge.error).toBeInstanceOf(OutputError);
    expect(huge.error!.message).toMatch(/4,503,599,627,370,496 bytes are needed, [\d,]+ are free/);
    expect(readdirSync(dir)).toEqual(['file']);
    expect(server.requests).toEqual([]);
  });

  skipIf(!existsSync('/dev/full') && 'there is no /dev/full').it('says that the disk is full', async () => {
    const server = await fileServer({ [NAME]: content });
    const dir = newFolder();
    mkdirSync(dir);
    symlinkSync('/dev/full', join(dir, `${NAME}.partial`));
    const { error } = await download(server.url, dir);
    expect(error).toBeInstanceOf(OutputError);
    expect(error!.message).toMatch(/images\.gz\.partial: cannot be written \(ENOSPC.*: free some space/);
  });

  it('of one home leads to the next, which is asked first for the other files', async () => {
    const bad = await fileServer({});
    const good = await fileServer({ [NAME]: content, 'more.gz': content });
    const dir = newFolder();
    const { error } = await download([bad.url, good.url], dir, { files: [file, { ...file, name: 'more.gz' }] });
    expect(error).toBeUndefined();
    expect(readdirSync(dir).sort()).toEqual([NAME, 'more.gz']);
    expect(bad.requests.map(({ path }) => path)).toEqual([NAME]);
    expect(good.requests.map(({ path }) => path)).toEqual([NAME, 'more.gz']);
  });
});
