/** Writing so that a reader, or whoever comes after a crash, finds the old content or the new, never a part of it. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { unwritten } from './write-failure.js';

/** A file's content as parts that lie one behind the other. */
export type Content = string | readonly Uint8Array[];
/** Files of a folder, by name. */
export type FolderContent = Readonly<Record<string, Content>>;

/** Bytes written at once: one call takes no more than 2 GiB. */
const blockBytes = 1 << 28;

/**
 * Writes a file that appears complete or not at all; replaces one that is there.
 * @param mode permissions of the file
 * @throws OutputError when it cannot be written
 */
export function writeFileAtomically(file: string, content: Content, mode?: number): void {
  orOutputError(file, () => {
    makeFolders(dirname(resolve(file)));
    replaceFile(file, content, mode);
  });
}

/**
 * Makes a folder that appears complete or not at all; where there is one, replaces those of its files
 * that differ, one by one in the order given.
 * @throws OutputError when it cannot be written
 */
export function writeFolderAtomically(folder: string, files: FolderContent): void {
  orOutputError(folder, () => {
    if (existsSync(folder)) {
      for (const [name, content] of Object.entries(files)) {
        if (!holds(join(folder, name), content)) replaceFile(join(folder, name), content);
      }
      return;
    }
    moveTo(partialFolder(folder, files), folder);
    syncFolder(dirname(resolve(folder)));
  });
}

/**
 * Puts a folder with these files in the place of the one that is there, whatever that holds.
 * @throws OutputError when it cannot be written; the old one is then there still
 */
export function replaceFolder(folder: string, files: FolderContent): void {
  orOutputError(folder, () => {
    const temporary = partialFolder(folder, files);
    const old = `${folder}.old`;
    rmSync(old, { recursive: true, force: true });
    renameSync(folder, old);
    moveTo(temporary, folder);
    syncFolder(dirname(resolve(folder)));
    rmSync(old, { recursive: true, force: true });
  });
}

/**
 * Like a recursive mkdir, which in Node 20 never returns below /proc.
 * @param folder absolute
 * @param made gets each folder that it makes
 */
export function makeFolders(folder: string, mode?: number, made: string[] = []): void {
  if (statSync(folder, { throwIfNoEntry: false })) return;
  makeFolders(dirname(folder), mode, made);
  try {
    mkdirSync(folder, { mode });
    made.push(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function partialFolder(folder: string, files: FolderContent): string {
  const temporary = `${folder}.partial`;
  rmSync(temporary, { recursive: true, force: true });
  makeFolders(resolve(temporary));
  try {
    for (const [name, content] of Object.entries(files)) writeDurably(join(temporary, name), content);
  } catch (error) {
    // A part that fills the disk must not stay.
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
  return temporary;
}

/** Gives a finished folder its name; where that is taken meanwhile, nothing stays of it. */
function moveTo(temporary: string, folder: string): void {
  try {
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}

function replaceFile(file: string, content: Content, mode?: number): void {
  const temporary = `${file}.partial`;
  try {
    writeDurably(temporary, content, mode);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Whether the file has this text already; data are not worth the comparison. */
function holds(file: string, content: Content): boolean {
  return typeof content === 'string' && existsSync(file) && readFileSync(file, 'utf8') === content;
}

/** On the disk, not only on its way there: a rename may otherwise outlive the data that it names. */
function writeDurably(file: string, content: Content, mode?: number): void {
  const descriptor = openSync(file, 'w', mode);
  try {
    for (const part of typeof content === 'string' ? [Buffer.from(content)] : content) {
      for (let done = 0; done < part.length; ) {
        done += writeSync(descriptor, part, done, Math.min(blockBytes, part.length - done));
      }
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes a rename outlive a power cut. */
function syncFolder(folder: string): void {
  // Windows opens no folder, and keeps its names in a journal.
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function orOutputError(path: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw unwritten(path, error, 'choose another place');
  }
}
