/**
 * What a text came to before, so that the next start neither learns nor encodes again: tokenizers and tokens, in the system's place for
 * caches, each by a hash of all that it was made of. A file appears complete or not at all, and one that is damaged is none.
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, utimesSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { makeFolders } from '../../ground/atomic-file.js';
import { makeRoom, partialFile, tokensFile } from '../../ground/cache-folder.js';
import { sha256 } from '../../ground/checksum.js';
import { ownVersion } from '../../ground/own-version.js';
import { eachOverlapping } from '../each-row.js';
import type { Reading } from '../reading.js';
import { readFully } from '../row-reader.js';
import type { StoredTokens } from './stored-tokens.js';

/** To be raised where the same text comes to other tokens, or files are written otherwise. */
const form = 1;
const magic = `lockstep-tokens ${form} `;
/** The magic, bytes of the JSON that follows, SHA-256 of everything that follows, and a line break. */
const prefixBytes = magic.length + 12 + 1 + 64 + 1;
const blockBytes = 1 << 24;

/** Something that is kept: what is said of it, and the tokens where it has such. */
export interface CachedText {
  readonly about: unknown;
  readonly tokens?: StoredTokens;
}

/** Of what parts a thing was made. */
export const keyOf = (...parts: readonly unknown[]): string => sha256(JSON.stringify([form, ownVersion, ...parts]));

/**
 * @param budget bytes of tokens that may be held in memory; more stay in the file
 * @returns undefined where nothing is kept under the key, or it is damaged, which is told
 */
export async function readKept(key: string, budget: number, reading: Reading): Promise<CachedText | undefined> {
  const file = tokensFile(reading.cacheFolder, key);
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return undefined;
  }
  let isOpen = true;
  try {
    const found = await read(fd, budget, reading);
    if (!found) reading.warn(`${file}: is damaged, and made anew`);
    isOpen = found?.tokens?.file !== undefined;
    // So that those go first that nobody has used for long.
    const now = new Date();
    if (found) utimesSync(file, now, now);
    return found;
  } finally {
    if (!isOpen) closeSync(fd);
  }
}

async function read(fd: number, budget: number, reading: Reading): Promise<CachedText | undefined> {
  const prefix = Buffer.alloc(prefixBytes);
  const { size } = fstatSync(fd);
  if (readSync(fd, prefix, 0, prefixBytes, 0) < prefixBytes || !prefix.toString('latin1').startsWith(magic)) return;
  const [length, sum] = prefix.toString('latin1', magic.length).trim().split(' ');
  const start = prefixBytes + Number(length);
  if (!(start <= size)) return;
  const hash = createHash('sha256');
  const json = Buffer.alloc(start - prefixBytes);
  await readFully(fd, json, prefixBytes);
  hash.update(json);
  const bytes = size - start;
  const values = new Int32Array(new SharedArrayBuffer(bytes <= budget ? bytes - (bytes % 4) : 0));
  for (let place = 0; place < bytes; place += blockBytes) {
    const block = new Uint8Array(Math.min(blockBytes, bytes - place));
    await readFully(fd, block, start + place);
    hash.update(block);
    if (values.byteLength > 0) new Uint8Array(values.buffer).set(block.subarray(0, values.byteLength - place), place);
    reading.signal?.throwIfAborted();
  }
  if (hash.digest('hex') !== sum) return;
  const about: unknown = JSON.parse(json.toString('utf8'));
  if (bytes === 0) return { about };
  if (bytes <= budget) return { about, tokens: { values } };
  return { about, tokens: { values, file: { first: 0, start, end: size, fd } } };
}

/** Keeps it, where there is a place for it: nothing depends on that. */
export async function keep(key: string, { about, tokens }: CachedText, { cacheFolder }: Reading): Promise<void> {
  const folder = resolve(cacheFolder);
  try {
    makeFolders(folder, 0o700);
    await write(folder, key, Buffer.from(JSON.stringify(about)), tokens);
  } catch {
    // A folder that is read only, or full, keeps nothing.
  }
}

async function write(folder: string, key: string, json: Buffer, tokens: StoredTokens | undefined): Promise<void> {
  const { start = 0, end = 0 } = tokens?.file ?? {};
  makeRoom(folder, prefixBytes + json.length + (tokens?.values.byteLength ?? 0) + end - start, undefined);
  const partial = partialFile(folder, key);
  try {
    const fd = openSync(partial, 'wx', 0o600);
    try {
      const hash = createHash('sha256').update(json);
      writeAll(fd, json, prefixBytes);
      if (tokens) await writeTokens(fd, tokens, prefixBytes + json.length, hash);
      writeAll(fd, Buffer.from(`${magic}${String(json.length).padStart(12)} ${hash.digest('hex')}\n`), 0);
    } finally {
      closeSync(fd);
    }
    renameSync(partial, tokensFile(folder, key));
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

const writeTokens = (fd: number, { values, file }: StoredTokens, start: number, hash: Hash): Promise<void> =>
  eachOverlapping({ values, file, type: 'int32' }, (some, place) => {
    // Copied, because hashing takes no shared memory.
    const bytes = new Uint8Array(new Uint8Array(some.buffer, some.byteOffset, some.byteLength));
    hash.update(bytes);
    writeAll(fd, bytes, start + 4 * place);
  });

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}
