/**
 * Where the ranks of a job find each other: a file in the folder that receives the run, which all nodes share. Rank 0 writes where it
 * listens and a token into it, for its own user's eyes alone.
 */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../errors.js';
import { makeFolders, writeFileAtomically } from '../ground/atomic-file.js';
import { fileOnTheWay, unwritten } from '../ground/write-failure.js';

const elsewhere = 'choose another folder with --out, on a file system that all nodes share';

/** Bytes of a notice: far more than any has. */
const most = 1 << 16;

const common = { id: z.string(), host: z.string() };
const schema = z.discriminatedUnion('state', [
  /** Reads data and compiles. */
  z.object({ state: z.literal('preparing'), ...common }),
  z.object({ state: z.literal('listening'), ...common, urls: z.array(z.string()).min(1), token: z.string().min(1) }),
  /** The run does not begin: with what exit code and why. */
  z.object({
    state: z.literal('over'),
    ...common,
    exitCode: z.int().min(0).max(255),
    message: z.string(),
    remedy: z.string(),
  }),
]);

/** What rank 0 tells the others. `id` is another in each start of it. */
export type Notice = z.output<typeof schema>;

/**
 * The folder of what belongs to a job while it runs.
 * @param out that receives the run's folder
 * @param name of the job and its command
 */
export const jobFolder = (out: string, name: string): string => join(out, `.join-${name}`);

/** @param session of this start, where the launcher tells starts apart */
export const noticeFile = (folder: string, session: string | undefined): string =>
  join(folder, `${(session ?? 'start').replaceAll(/[^\w.-]/g, '_')}.json`);

/** @throws OutputError when it cannot be made */
export function makeJobFolder(folder: string): void {
  try {
    makeFolders(dirname(folder));
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    if (isThere && statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
    throw unwritten(folder, error, elsewhere);
  }
}

/** @throws OutputError when it cannot be written */
export function writeNotice(file: string, notice: Notice): void {
  // What a process left that was killed could be readable by others.
  rmSync(`${file}.partial`, { force: true });
  writeFileAtomically(file, `${JSON.stringify(notice)}\n`, 0o600);
}

/** Removes what is there of a start, and the folder with the last. */
export function removeNotice(file: string): void {
  rmSync(file, { force: true });
  rmSync(`${file}.partial`, { force: true });
  try {
    rmdirSync(dirname(file));
  } catch {
    // Another start of the job has its own there.
  }
}

/**
 * @returns undefined while there is none that is whole
 * @throws ConfigError when there can be none, somebody else may have written it, or others may read the token in it
 */
export function readNotice(file: string): Notice | undefined {
  const text = readOwn(file);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function readOwn(file: string): string | undefined {
  let descriptor: number;
  try {
    // A pipe that somebody has put there would be waited for, deaf to signals.
    descriptor = openSync(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ESTALE: a network file system on which it has just been replaced.
    const why = fileOnTheWay(dirname(file));
    if (why !== undefined) throw new ConfigError(`${file}: cannot be read (${why})`, elsewhere);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESTALE') return undefined;
    throw foreign(file, `cannot be read (${code})`);
  }
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw foreign(file, 'is no ordinary file');
    if (status.size > most)
      throw foreign(file, `has ${status.size} bytes, and no word of rank 0 has more than ${most}`);
    const { uid, mode } = status;
    const own = process.geteuid?.();
    if (own !== undefined && uid !== own) throw foreign(file, `belongs to user ${uid}, and you are user ${own}`);
    if (own !== undefined && (mode & 0o077) !== 0) throw foreign(file, 'may be read or written by others');
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

const foreign = (file: string, why: string): ConfigError =>
  new ConfigError(
    `${file}: ${why}, so it is not trusted to say where rank 0 is`,
    'start all ranks as one user, with a folder of your own as --out; or set LOCKSTEP_TOKEN and give --coordinator',
  );
