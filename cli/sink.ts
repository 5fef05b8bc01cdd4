/** Where a command's lines go: standard output at the reader's pace, or a file that appears when it is complete. */
import { once } from 'node:events';
import { createWriteStream, renameSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { makeFolders } from '../src/ground/atomic-file.js';
import { unwritten } from '../src/ground/write-failure.js';
import { beforeDeath } from '../src/report/last-acts.js';
import { untilKilled } from './running.js';

/**
 * Writes `lines` as they come.
 * @param file undefined for standard output
 * @throws OutputError when the file cannot be written; none is left behind then
 */
export async function writeLines(lines: AsyncIterable<string>, file: string | undefined): Promise<void> {
  if (file === undefined) return toStandardOutput(lines);
  const temporary = `${file}.partial`;
  const forget = beforeDeath(() => discard(temporary));
  try {
    await untilKilled(() => toFile(lines, temporary));
    renameSync(temporary, file);
  } catch (error) {
    discard(temporary);
    // Lines may fail to come, for reasons of their own.
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw unwritten(file, error, 'choose another --output');
  } finally {
    forget();
  }
}

async function toStandardOutput(lines: AsyncIterable<string>): Promise<void> {
  // Nobody reads any more (`| head`).
  let isClosed = false;
  const close = () => {
    isClosed = true;
  };
  process.stdout.on('error', close);
  try {
    for await (const line of lines) {
      if (!process.stdout.write(line)) await once(process.stdout, 'drain').catch(close);
      if (isClosed) return;
    }
  } finally {
    process.stdout.off('error', close);
  }
}

function discard(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // Its folder cannot be: nothing was written.
  }
}

async function toFile(lines: AsyncIterable<string>, file: string): Promise<void> {
  makeFolders(dirname(resolve(file)));
  const stream = createWriteStream(file, { flush: true });
  const done = finished(stream);
  done.catch(() => {});
  try {
    for await (const line of lines) {
      if (!stream.write(line)) await Promise.race([once(stream, 'drain'), done]);
    }
  } finally {
    stream.end();
  }
  await done;
}
