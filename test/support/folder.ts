/** Temporary folders that are gone when the tests of a file have ended. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** To be called outside of tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(process.env.LOCKSTEP_SCRATCH ?? tmpdir(), 'folder-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Gives a new path below a temporary folder at each call; nothing is there yet. To be called outside of tests. */
export function newPaths(): () => string {
  const root = temporaryFolder();
  let count = 0;
  return () => join(root, String(count++));
}

/** Gives a new, empty folder at each call. To be called outside of tests. */
export function newFolders(): () => string {
  const newPath = newPaths();
  return () => {
    const folder = newPath();
    mkdirSync(folder);
    return folder;
  };
}

/** Writes a config as JSON, which is YAML. */
export function writeConfig(folder: string, name: string, config: object): string {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** Every file below `folder` with its size and time of change, and every folder: equal when nothing was written. */
export function snapshot(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true }) as string[];
  return names.sort().map((name) => {
    const entry = statSync(join(folder, name));
    return entry.isDirectory() ? name : `${name} ${entry.size} ${entry.mtimeMs}`;
  });
}
