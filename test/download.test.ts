/** Downloads from a server on loopback that fails in many ways: what arrives is whole, or the error says why not. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { idxExamples } from '../src/data/idx-folder.js';
import { downloadSet } from '../src/download/download.js';
import type { DownloadEvent } from '../src/download/events.js';
import type { PublishedFile } from '../src/download/sets.js';
import { DataError, DownloadError, OutputError } from '../src/errors.js';
import { answerWith, etagOf, type FileServer, fileServer, stallAfter } from './support/file-server.js';
import { temporaryFolder } from './support/folder.js';
import { mnistFolder } from './support/package.js';

const mnistIsHere = existsSync(mnistFolder);
if (!mnistIsHere) console.log(`The download of MNIST is left out: there is no folder ${mnistFolder}.`);

const root = temporaryFolder();
let folders = 0;
const newFolder = () => join(root, String(folders++));

/** More than a socket takes in one piece. */
const content = bytesOf(7, 300_000);
const half = 150_000;
const NAME = 'images.gz';
const file = published(NAME, content);

function bytesOf(first: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i === 0 ? first : (i * i + (i >> 8)) % 251)));
}

function published(name: string, bytes: Buffer): PublishedFile {
  return { name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

interface Options {
  readonly files?: readonly PublishedFile[];
  readonly silence?: number;
  readonly pauses?: readonly number[];
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: DownloadEvent) => void;
}

/** Downloads `file`, or what `options` says, and gives the events; `error` is what it threw. */
async function download(homes: string | readonly string[], dir: string, options: Options = {}) {
  const { files = [file], onEvent, ...others } = options;
  const events: DownloadEvent[] = [];
  const report = (event: DownloadEvent) => {
    events.push(event);
    onEvent?.(event);
  };
  const set = { homes: [homes].flat(), files };
  const error = await downloadSet(set, dir, { silence: 20_000, pauses: [0, 0], ...others, report }).then(
    () => undefined,
    (reason: Error) => reason,
  );
  const warnings = events.flatMap((event) => (event.event === 'warning' ? [event.message] : []));
  return { events: events.filter(({ event }) => event !== 'progress'), warnings, error };
}

/** Lets a server end the connection as soon as the file is `mark` bytes long: what it sent last would be lost before. */
function dropAt(server: FileServer, ...marks: number[]) {
  const left = new Set(marks);
  return (event: DownloadEvent) => {
    if (event.event === 'progress' && left.delete(event.received)) server.drop();
  };
}

/** The folder holds the file as published and nothing else. */
function expectWhole(dir: string, bytes = content): void {
  expect(readdirSync(dir)).toEqual([NAME]);
  expect(readFileSync(join(dir, NAME)).equals(bytes)).toBe(true);
}

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

  it.skipIf(!mnistIsHere)('of MNIST is ready for the idx source', async () => {
    const names = ['t10k-labels-idx1-ubyte.gz', 't10k-images-idx3-ubyte.gz'];
    const real = Object.fromEntries(names.map((name) => [name, readFileSync(join(mnistFolder, name))]));
    const server = await fileServer(real);
    const dir = newFolder();
    const { error } = await download(server.url, dir, { files: names.map((name) => published(name, real[name])) });
    expect(error).toBeUndefined();
    const { examples } = await idxExamples({ source: 'idx', dir, validation: 0, test: 0, stratify: false });
    expect(examples).toMatchObject({ count: 10_000, featureShape: [28, 28, 1], classes: 10 });
    expect([...examples.targets.subarray(0, 8)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9]);
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

describe('a transfer that breaks', () => {
  it('goes on at the byte where the connection dropped', async () => {
    const server = await fileServer({ [NAME]: content });
    server.faults.push(stallAfter(half));
    const dir = newFolder();
    const { error, events, warnings } = await download(server.url, dir, { onEvent: dropAt(server, half) });
    expect(error).toBeUndefined();
    expectWhole(dir);
    expect(server.faults).toEqual([]);
    expect(server.requests.map(({ headers }) => [headers.range, headers['if-range']])).toEqual([
      [undefined, undefined],
      [`bytes=${half}-`, etagOf(content)],
    ]);
    expect(warnings).toEqual([
      `${NAME}: the connection to ${server.host} broke (ECONNRESET) (150,000 of 300,000 bytes are here); trying again in 0 s`,
    ]);
    expect(events.filter(({ event }) => event === 'request')).toMatchObject([{ from: 0 }, { from: half }]);
  });

  it('starts over where a server knows no ranges', async () => {
    const server = await fileServer({ [NAME]: content });
    server.faults.push(stallAfter(half), (response) => response.writeHead(200).end(content));
    const dir = newFolder();
    const { error } = await download(server.url, dir, { onEvent: dropAt(server, half) });
    expect(error).toBeUndefined();
    expectWhole(dir);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${half}-`]);
  });

  it('starts over where a server sends another part, or has less than is here', async () => {
    const server = await fileServer({ [NAME]: content });
    const other = { 'content-range': `bytes 5-${content.length - 1}/${content.length}` };
    for (const fault of [answerWith(206, other, 'x'), answerWith(416)]) {
      server.faults.push(stallAfter(half), fault);
      const dir = newFolder();
      const { error } = await download(server.url, dir, { onEvent: dropAt(server, half) });
      expect(error).toBeUndefined();
      expectWhole(dir);
      expect(server.requests.splice(0).map(({ headers }) => headers.range)).toEqual([
        undefined,
        `bytes=${half}-`,
        undefined,
      ]);
    }
  });

  it('goes on when the body ends early and nothing had said how long it is', async () => {
    const server = await fileServer({ [NAME]: content });
    server.faults.push((response) => response.writeHead(200, { connection: 'close' }).end(content.subarray(0, half)));
    const dir = newFolder();
    const { error, warnings } = await download(server.url, dir);
    expect(error).toBeUndefined();
    expectWhole(dir);
    expect(warnings[0]).toContain(`${server.host} has ended the connection (150,000 of 300,000 bytes are here)`);
    // Without an ETag or a date there is nothing to tie the rest to.
    expect(server.requests[1].headers).toMatchObject({ range: `bytes=${half}-` });
    expect(server.requests[1].headers['if-range']).toBeUndefined();
  });

  it('goes on when a server falls silent, before its answer or in it', async () => {
    const server = await fileServer({ [NAME]: content });
    server.faults.push(stallAfter(1000));
    const dir = newFolder();
    const { error, warnings } = await download(server.url, dir, { silence: 300 });
    expect(error).toBeUndefined();
    expectWhole(dir);
    expect(warnings).toEqual([
      `${NAME}: ${server.host} has sent nothing for 0.3 s (1,000 of 300,000 bytes are here); trying again in 0 s`,
    ]);

    server.faults.push(() => undefined);
    const mute = await download([server.url, server.url], newFolder(), { silence: 300 });
    expect(mute.error).toBeUndefined();
    expect(mute.warnings).toEqual([`${NAME}: ${server.host} has not answered for 0.3 s; trying ${server.host}`]);
  });

  it('is tried again after server errors, and given up when they do not end', async () => {
    const server = await fileServer({ [NAME]: content });
    server.faults.push(answerWith(500), answerWith(503));
    const dir = newFolder();
    expect((await download(server.url, dir)).error).toBeUndefined();
    expectWhole(dir);

    server.faults.push(...[500, 429, 502].map((status) => answerWith(status)));
    const { error, warnings } = await download(server.url, newFolder());
    expect(error).toBeInstanceOf(DownloadError);
    expect(error!.message).toContain(`${NAME}: ${server.host} answers 502 Bad Gateway: run the same command again`);
    expect(warnings).toHaveLength(2);
    expect(server.faults).toEqual([]);
  });

  it('has all its tries again after each byte of progress', async () => {
    const server = await fileServer({ [NAME]: content });
    server.faults.push(stallAfter(half), answerWith(500), stallAfter(10, half), answerWith(500));
    const dir = newFolder();
    const { error, warnings } = await download(server.url, dir, { onEvent: dropAt(server, half, half + 10) });
    expect(error).toBeUndefined();
    expectWhole(dir);
    expect(warnings).toHaveLength(4);
  });

  it('waits for a server to come back that has answered before', async () => {
    const server = await fileServer({ [NAME]: content });
    server.faults.push(stallAfter(half));
    const dir = newFolder();
    const onEvent = (event: DownloadEvent) => {
      if (event.event === 'progress' && event.received === half) void server.close();
    };
    const { error, warnings } = await download(server.url, dir, { onEvent });
    expect(warnings).toHaveLength(2);
    expect(warnings[1]).toContain(`${server.host} refuses the connection (ECONNREFUSED) (150,000 of 300,000 bytes`);
    expect(error).toBeInstanceOf(DownloadError);
    expect(readdirSync(dir).sort()).toEqual([`${NAME}.partial`, `${NAME}.partial.json`]);
  });

  it('is stopped by its signal, keeps what has come, and the next call goes on', async () => {
    const server = await fileServer({ [NAME]: content });
    server.faults.push(stallAfter(half));
    const dir = newFolder();
    const abort = new AbortController();
    const onEvent = (event: DownloadEvent) => {
      if (event.event === 'progress' && event.received === half) abort.abort();
    };
    const { error } = await download(server.url, dir, { signal: abort.signal, onEvent });
    expect(error).toBe(abort.signal.reason);
    expect(readFileSync(join(dir, `${NAME}.partial`)).equals(content.subarray(0, half))).toBe(true);

    expect((await download(server.url, dir)).error).toBeUndefined();
    expectWhole(dir);
    expect(server.requests[1].headers).toMatchObject({ range: `bytes=${half}-`, 'if-range': etagOf(content) });
  });
});

describe('what an earlier run has left', () => {
  it('is replaced where the server has another version by now', async () => {
    const old = bytesOf(8, content.length);
    const server = await fileServer({ [NAME]: old });
    server.faults.push(stallAfter(half));
    const dir = newFolder();
    const first = await download(server.url, dir, { pauses: [], onEvent: dropAt(server, half) });
    expect(first.error).toBeInstanceOf(DownloadError);
    server.files.set(NAME, content);
    const second = await download(server.url, dir);
    expect(second).toMatchObject({ error: undefined, warnings: [] });
    expectWhole(dir);
    expect(server.requests.map(({ headers }) => headers['if-range'])).toEqual([undefined, etagOf(old)]);
  });

  it('is blamed first when the hash is wrong, and fetched anew', async () => {
    const server = await fileServer({ [NAME]: content });
    const dir = newFolder();
    mkdirSync(dir);
    writeFileSync(join(dir, `${NAME}.partial`), 'not the start of it');
    writeFileSync(join(dir, `${NAME}.partial.json`), 'not JSON');
    const { error, warnings } = await download(server.url, dir);
    expect(error).toBeUndefined();
    expectWhole(dir);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/has the SHA-256 [0-9a-f]{64}, .*; starting over$/);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(['bytes=19-', undefined]);
  });

  it('needs no request where it is whole, and is dropped where it is too long', async () => {
    const server = await fileServer({ [NAME]: content });
    for (const [left, requests] of [
      [content, 0],
      [Buffer.concat([content, content]), 1],
    ] as const) {
      const dir = newFolder();
      mkdirSync(dir);
      writeFileSync(join(dir, `${NAME}.partial`), left);
      expect((await download(server.url, dir)).error).toBeUndefined();
      expectWhole(dir);
      expect(server.requests.splice(0)).toHaveLength(requests);
    }
  });

  it('is not touched where it has the final name and is another file', async () => {
    const server = await fileServer({ [NAME]: content });
    for (const other of [bytesOf(8, content.length), Buffer.from('short')]) {
      const dir = newFolder();
      mkdirSync(dir);
      writeFileSync(join(dir, NAME), other);
      const { error } = await download(server.url, dir);
      expect(error).toBeInstanceOf(DataError);
      expect(error!.message).toContain(`${join(dir, NAME)} is there, but is not the published file: it has`);
      expectWhole(dir, other);
    }
    expect(server.requests).toEqual([]);
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
    expect(below.error!.message).toMatch(/a part of the path is a file, not a folder\): .* --dir/);
    const huge = await download(server.url, dir, { files: [{ ...file, size: 2 ** 52 }] });
    expect(huge.error).toBeInstanceOf(OutputError);
    expect(huge.error!.message).toMatch(/4,503,599,627,370,496 bytes are needed, [\d,]+ are free/);
    expect(readdirSync(dir)).toEqual(['file']);
    expect(server.requests).toEqual([]);
  });

  const full = existsSync('/dev/full');
  if (!full) console.log(`The test on a full disk is left out: ${platform()} has no /dev/full.`);
  it.skipIf(!full)('says that the disk is full', async () => {
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
