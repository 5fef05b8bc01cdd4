/** `runs/<name>-<n>/`: where a run puts what it makes. */
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { OutputError } from '../errors.js';
import { makeFolders } from '../ground/atomic-file.js';
import { beside } from '../ground/near-path.js';
import { statusOf } from '../ground/status.js';
import { fileOnTheWay } from '../ground/write-failure.js';

/** The resolved config in a run's folder. */
export const configName = 'config.yaml';

/** Whether a folder is that of a run. */
export const isRunFolder = (folder: string): boolean => existsSync(join(folder, configName));

/** Why a folder is not that of a run, and what to name in its place; undefined for one that is. */
export function noRun(folder: string): { readonly why: string; readonly remedy: string } | undefined {
  if (isRunFolder(folder)) return undefined;
  const why = statusOf(folder)?.isDirectory() ? `it has no ${configName}` : 'no such folder';
  return { why, remedy: beside(folder, "name a run's folder, such as runs/digits-1") };
}

/** What parts of the training split came to, in the folder of the run that had all of it. */
export const learningCurveName = 'learning-curve.json';
/** What `lockstep scale` has found, in a folder of its own. */
export const scaleReportName = 'scale.json';

/**
 * Makes `<parent>/<name>-<n>`, where n is one more than the largest there. Two runs that start at once get two folders.
 * The folder appears with its config in it, or not at all.
 *
 * @param config text of its config.yaml
 * @returns the folder's path
 * @throws OutputError if that is impossible; then no folder is left behind
 */
export function createRunFolder(parent: string, name: string, config: string): string {
  return orOutputError(parent, () => {
    const made: string[] = [];
    try {
      makeFolders(resolve(parent), undefined, made);
      const partial = join(parent, `.${name}-${randomUUID()}`);
      mkdirSync(partial);
      made.push(partial);
      writeFileSync(join(partial, configName), config);
      return nameNext(partial, parent, name);
    } catch (error) {
      for (const folder of made.reverse()) remove(folder);
      throw error;
    }
  });
}

/**
 * Checks that a run folder can be made below `parent`, before anything slow is done. Nothing stays on disk.
 *
 * @throws OutputError if not
 */
export function assertWritable(parent: string): void {
  orOutputError(parent, () => {
    let folder = resolve(parent);
    while (!statSync(folder, { throwIfNoEntry: false })) folder = dirname(folder);
    // Permissions do not tell all (read-only and virtual file systems): try.
    rmdirSync(mkdtempSync(join(folder, '.lockstep-')));
  });
}

/** Gives `partial` the next free name. */
function nameNext(partial: string, parent: string, name: string): string {
  const prefix = `${name}-`;
  const taken = readdirSync(parent)
    .filter((entry) => entry.startsWith(prefix) && /^\d+$/.test(entry.slice(prefix.length)))
    .map((entry) => Number(entry.slice(prefix.length)));
  for (let n = Math.max(0, ...taken) + 1; ; n++) {
    const folder = join(parent, `${prefix}${n}`);
    try {
      // An empty folder of that name would be replaced: another run cannot have made it, for its config comes with it.
      renameSync(partial, folder);
      return folder;
    } catch (error) {
      if (!['EEXIST', 'ENOTEMPTY', 'EPERM', 'ENOTDIR'].includes(codeOf(error)) || !existsSync(folder)) throw error;
    }
  }
}

/** Removes what this process made: a half-made run, or a folder above it that is still empty. */
function remove(folder: string): void {
  try {
    if (existsSync(join(folder, configName))) unlinkSync(join(folder, configName));
    rmdirSync(folder);
  } catch {
    // Another run uses it by now: it is no longer ours to remove.
  }
}

function orOutputError<T>(parent: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const reason = fileOnTheWay(parent) ?? codeOf(error);
    throw new OutputError(`${parent}: cannot make a folder there (${reason})`, 'choose another folder with --out');
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

/** Replaces the config of a run; the old one is there until the new one is complete. */
export function replaceConfig(folder: string, config: string): void {
  const file = join(folder, configName);
  if (readFileSync(file, 'utf8') === config) return;
  orOutputError(folder, () => {
    try {
      writeFileSync(`${file}.partial`, config);
      renameSync(`${file}.partial`, file);
    } catch (error) {
      rmSync(`${file}.partial`, { force: true });
      throw error;
    }
  });
}
