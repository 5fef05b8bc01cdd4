/**
 * Checkpoints of a run: folders `step-<n>` with `tensors.safetensors` and `checkpoint.json`. A folder gets its name when
 * everything in it is on the disk, and what is in it carries checksums: a checkpoint is there and right, or is passed over.
 * That of the tensors is a CRC-32, which costs the threads a quarter of the time of a cryptographic hash.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { LockstepError, OutputError } from '../errors.js';
import { sha256 } from '../ground/checksum.js';
import { ruleOf } from '../ground/json-file.js';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../model/files/safetensors.js';
import { type CheckpointState, stateSchema } from './state.js';

const tensorsFile = 'tensors.safetensors';
const stateFile = 'checkpoint.json';
const folderName = (step: number): string => `step-${String(step).padStart(8, '0')}`;
/** Bytes read at once: one call takes less than 2 GiB. */
const blockBytes = 1 << 28;
const NAME = /^step-(\d+)$/;

export interface Checkpoint {
  readonly path: string;
  readonly state: CheckpointState;
  readonly tensors: readonly NamedTensor[];
}

export interface FoundCheckpoint {
  /** The newest that is right; none where there is none. */
  readonly checkpoint?: Checkpoint;
  /** Newer ones that are not, and why. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Writes a checkpoint, then deletes what is no longer to be kept.
 *
 * @param folder of the run's checkpoints; made if missing
 * @param tensors must not change before this returns
 * @param keep how many to keep, this one included
 * @param check looks whether the folder is to be written to still; throws if not
 * @returns the checkpoint's path
 * @throws OutputError when it cannot be written; older ones are still there then
 */
export async function writeCheckpoint(
  folder: string,
  state: CheckpointState,
  tensors: readonly NamedTensor[],
  keep: number,
  check: () => void = () => {},
): Promise<string> {
  const { step } = state.progress;
  const path = join(folder, folderName(step));
  const partial = join(folder, `.${folderName(step)}.partial`);
  try {
    check();
    await rm(partial, { recursive: true, force: true });
    // Not the folders above it: of a run that was deleted nothing is to come back.
    await makeFolder(folder);
    await mkdir(partial);
    const parts = encodeSafetensors(tensors);
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    await writeDurably(join(partial, tensorsFile), parts);
    const text = JSON.stringify({
      ...state,
      tensors: { bytes, crc32: parts.reduce((sum, part) => crc32(part, sum), 0) },
    });
    await writeDurably(join(partial, stateFile), [Buffer.from(`{"sha256":"${sha256(text)}","state":${text}}\n`)]);
    await syncFolder(partial);
    check();
    await rm(path, { recursive: true, force: true });
    await rename(partial, path);
    await syncFolder(folder);
    await prune(folder, step, keep);
    return path;
  } catch (error) {
    if (error instanceof LockstepError) throw error;
    // What fills the disk must not stay: the logs of the run that goes on need some of it.
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    throw new OutputError(
      `${path}: the checkpoint cannot be written (${(error as Error).message})`,
      'free some space; then resume from the checkpoint before it',
    );
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** The newest checkpoint in `folder` whose checksums hold. */
export async function newestCheckpoint(folder: string): Promise<FoundCheckpoint> {
  const skipped: { path: string; reason: string }[] = [];
  for (const { path } of await listCheckpoints(folder)) {
    try {
      return { checkpoint: readCheckpoint(path), skipped };
    } catch (error) {
      skipped.push({ path, reason: (error as Error).message });
    }
  }
  return { skipped };
}

/** @throws Error saying what is wrong with it */
function readCheckpoint(path: string): Checkpoint {
  const envelope = parseState(read(path, stateFile));
  const { tensors: expected, ...state } = envelope;
  const bytes = read(path, tensorsFile);
  if (bytes.length !== expected.bytes) {
    throw new Error(`${tensorsFile} has ${bytes.length} bytes instead of ${expected.bytes}`);
  }
  if (crc32(bytes) !== expected.crc32) throw new Error(`${tensorsFile} does not match its checksum`);
  return { path, state, tensors: decodeSafetensors(bytes).tensors };
}

function read(path: string, file: string): Buffer {
  try {
    return readWhole(join(path, file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(code === 'ENOENT' ? `${file} is missing` : `${file} cannot be read (${code})`);
  }
}

/** Like `readFileSync`, which takes no file beyond 2 GiB. */
function readWhole(file: string): Buffer {
  const fd = openSync(file, 'r');
  try {
    const bytes = Buffer.from(new ArrayBuffer(fstatSync(fd).size));
    let done = 0;
    for (let read = -1; read !== 0 && done < bytes.length; done += read) {
      read = readSync(fd, bytes, done, Math.min(blockBytes, bytes.length - done), done);
    }
    return bytes.subarray(0, done);
  } finally {
    closeSync(fd);
  }
}

type Envelope = z.output<typeof stateSchema>;

/** As it stands in the file: the checksum is of the text. */
const envelopeSchema = z.object({ sha256: z.string(), state: z.record(z.string(), z.unknown()) });

function parseState(bytes: Buffer): Envelope {
  if (bytes.length === 0) throw new Error(`${stateFile} is empty`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new Error(`${stateFile} is damaged or cut off`);
  }
  const envelope = envelopeSchema.safeParse(parsed);
  if (!envelope.success) throw new Error(`${stateFile} is no checkpoint (${ruleOf(envelope.error)})`);
  const { state } = envelope.data;
  if (sha256(JSON.stringify(state)) !== envelope.data.sha256) {
    throw new Error(`${stateFile} does not match its checksum`);
  }
  if (state.format !== 1) throw new Error(`it has format ${state.format}, which this version does not read`);
  const checked = stateSchema.safeParse(state);
  if (!checked.success) throw new Error(`${stateFile} is not as a checkpoint has it (${ruleOf(checked.error)})`);
  return checked.data;
}

/** Checkpoints by what their names say, newest first. */
async function listCheckpoints(folder: string): Promise<{ path: string; step: number }[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names
    .flatMap((name) => {
      const step = NAME.exec(name)?.[1];
      return step === undefined ? [] : [{ path: join(folder, name), step: Number(step) }];
    })
    .sort((a, b) => b.step - a.step);
}

/** Deletes all but the newest; also those later than `step`, which the run has been taken back behind, and leftovers. */
async function prune(folder: string, step: number, keep: number): Promise<void> {
  const found = await listCheckpoints(folder);
  const later = found.filter((checkpoint) => checkpoint.step > step);
  const older = found.filter((checkpoint) => checkpoint.step <= step).slice(keep);
  for (const { path } of [...later, ...older]) {
    // Out of sight first, so that a kill leaves no half of a checkpoint.
    const hidden = join(folder, `.${basename(path)}.old`);
    await rm(hidden, { recursive: true, force: true });
    await rename(path, hidden);
  }
  for (const name of await readdir(folder)) {
    if (/^\.step-\d+\.(old|partial)$/.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function writeDurably(file: string, parts: readonly Uint8Array[]): Promise<void> {
  const handle = await open(file, 'w');
  try {
    for (const part of parts) await handle.writeFile(part);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the names in a folder durable. Windows has no such call and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
