/** Downloads that are cut off, by the server, the network or the user: they go on where that is right, else start over. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DownloadEvent } from '../../src/download/download-events.js';
import { DataError, DownloadError } from '../../src/errors.js';
import { bytesOf, content, download, expectWhole, NAME } from '../support/downloads.js';
import { answerWith, etagOf, type FileServer, fileServer, stallAfter } from '../support/file-server.js';
import { newPaths } from '../support/folder.js';

const newFolder = newPaths();

const half = 150_000;

/** Lets a server end the connection as soon as the file is `mark` bytes long: what it sent last would be lost before. */
function dropAt(server: FileServer, ...marks: number[]) {
  const left = new Set(marks);
  return (event: DownloadEvent) => {
    if (event.event === 'progress' && left.delete(event.received)) server.drop();
  };
}

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
    const { error, warnings } = await download(server.url, dir, { silence: 1500 });
    expect(error).toBeUndefined();
    expectWhole(dir);
    expect(warnings).toEqual([
      `${NAME}: ${server.host} has sent nothing for 1.5 s (1,000 of 300,000 bytes are here); trying again in 0 s`,
    ]);

    server.faults.push(() => undefined);
    const mute = await download([server.url, server.url], newFolder(), { silence: 1500 });
    expect(mute.error).toBeUndefined();
    expect(mute.warnings).toEqual([`${NAME}: ${server.host} has not answered for 1.5 s; trying ${server.host}`]);
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
