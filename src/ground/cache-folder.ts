/** The files of a cache that several processes share: data sets, tokens of texts, parts of either that arrive, and marks of who uses which. */
import { readdirSync, rmSync, statfsSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { OutputError } from '../errors.js';
import { bytesText } from './units.js';

/** Milliseconds after which a mark of another machine, which may share the folder, says nothing any more. */
const foreignLife = 86_400_000;
/** Bytes that a cache may hold where nothing else is said; half of the free disk if that is less. */
const standardLimit = 20e9;

/** Where caches are by the habit of the system. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env, platform = process.platform): string {
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'lockstep', 'cache');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'lockstep');
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lockstep');
}

export const isFingerprint = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

const dataName = /^([0-9a-f]{64})\.data$/;
const keptName = /^([0-9a-f]{64})\.(?:data|tokens)$/;
const useName = /^([0-9a-f]{64})\.use-(\d+)-(.+)$/;
const partialName = /^\.partial-[0-9a-f]{64}-\d+-(\d+)-(.+)$/;

const mine = `${process.pid}-${hostname()}`;
let partials = 0;

/** What a text came to, by what it was made of. */
export const tokensFile = (folder: string, key: string): string => join(folder, `${key}.tokens`);
export const dataFile = (folder: string, fingerprint: string): string => join(folder, `${fingerprint}.data`);
/** A new name for a data set that arrives; no other process and no other transfer of this one has it. */
export const partialFile = (folder: string, fingerprint: string): string =>
  join(folder, `.partial-${fingerprint}-${partials++}-${mine}`);
const useFile = (folder: string, fingerprint: string): string => join(folder, `${fingerprint}.use-${mine}`);

/** Keeps a data set from being removed while this process uses it, and makes it the one that was used last. */
export function markUsed(folder: string, fingerprint: string): void {
  const now = new Date();
  try {
    writeFileSync(useFile(folder, fingerprint), '');
    utimesSync(dataFile(folder, fingerprint), now, now);
  } catch {
    // A folder that is only read is used all the same; a file that is gone will be missed by whoever opens it.
  }
}
export const unmark = (folder: string, fingerprint: string): void =>
  rmSync(useFile(folder, fingerprint), { force: true });

/** Names of a folder's files; none where there is no folder. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

export const fingerprintsIn = (folder: string): string[] =>
  namesIn(folder).flatMap((name) => dataName.exec(name)?.[1] ?? []);

/** Whether the process that made a file is there, as far as this machine can tell. */
function isAlive(pid: number, host: string, file: string): boolean {
  if (host !== hostname()) {
    const status = statSync(file, { throwIfNoEntry: false });
    return status !== undefined && Date.now() - status.mtimeMs < foreignLife;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Removes what processes left behind that are gone. */
function removeLeft(folder: string): void {
  for (const name of namesIn(folder)) {
    const file = join(folder, name);
    const [pid, host] = (useName.exec(name)?.slice(2) ?? partialName.exec(name)?.slice(1) ?? []) as string[];
    if (pid !== undefined && !isAlive(Number(pid), host, file)) rmSync(file, { force: true });
  }
}

/**
 * Removes data sets until there is room for one more: those that nobody uses, the least recently used first.
 * @param limit bytes that the folder may hold; undefined for the standard one
 * @throws OutputError when there is no room all the same; nothing is removed in vain
 */
export function makeRoom(folder: string, bytes: number, limit: number | undefined): void {
  removeLeft(folder);
  const names = namesIn(folder);
  const used = new Set(names.flatMap((name) => useName.exec(name)?.[1] ?? []));
  const files = names
    .filter((name) => keptName.test(name) || partialName.test(name))
    .flatMap((name) => {
      const status = statSync(join(folder, name), { throwIfNoEntry: false });
      const fingerprint = keptName.exec(name)?.[1];
      const free = fingerprint !== undefined && !used.has(fingerprint);
      return status ? [{ file: join(folder, name), free, bytes: status.size, time: status.mtimeMs }] : [];
    });
  const total = (some: readonly { bytes: number }[]) => some.reduce((sum, file) => sum + file.bytes, 0);
  const free = statfsSync(folder);
  const room = limit ?? Math.min(standardLimit, (free.bavail * free.bsize + total(files)) / 2);
  const kept = total(files.filter(({ free }) => !free));
  if (bytes + kept > room) {
    const others = kept > 0 ? `, of which ${bytesText(kept)} are in use` : '';
    throw new OutputError(
      `${folder}: the cache may hold ${bytesText(room)}${others}, and the data set has ${bytesText(bytes)}`,
      'allow it more, name a folder on a larger disk, or let the coordinator stream the rows',
    );
  }
  let held = total(files);
  for (const file of files.filter(({ free }) => free).sort((a, b) => a.time - b.time)) {
    if (held + bytes <= room) break;
    rmSync(file.file, { force: true });
    held -= file.bytes;
  }
}
