/** One made-up file, downloads of it, and what they tell. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { downloadSet } from '../../src/download/download.js';
import type { DownloadEvent } from '../../src/download/download-events.js';
import type { PublishedFile } from '../../src/download/sets.js';

/** More than a socket takes in one piece. */
export const content = bytesOf(7, 300_000);
export const NAME = 'images.gz';
export const file = published(NAME, content);

export function bytesOf(first: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i === 0 ? first : (i * i + (i >> 8)) % 251)));
}

export function published(name: string, bytes: Buffer): PublishedFile {
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
export async function download(homes: string | readonly string[], dir: string, options: Options = {}) {
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

/** The folder holds the file as published and nothing else. */
export function expectWhole(dir: string, bytes = content): void {
  expect(readdirSync(dir)).toEqual([NAME]);
  expect(readFileSync(join(dir, NAME)).equals(bytes)).toBe(true);
}
