/** Where a run listened and which token it asked for: kept in its folder, so that its workers find it again. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, LockstepError } from '../../src/errors.js';
import { writeFileAtomically } from '../../src/ground/atomic-file.js';
import { readJsonFile } from '../../src/ground/json-file.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly token?: string;
  /** The jobs of schedulers that have begun it, or gone on with it. */
  readonly jobs?: readonly string[];
}

export const addressFile = (folder: string): string => join(folder, 'coordinator.json');
const schema = z.strictObject({
  host: z.string(),
  port: z.int().min(0).max(65535),
  token: z.string(),
  jobs: z.array(z.string()).optional(),
});

/** Readable by the user alone: it holds the token. @throws OutputError when it cannot be written */
export function writeAddress(folder: string, address: ListenAddress): void {
  const path = addressFile(folder);
  // What may be left of an attempt that was killed could be readable by others.
  rmSync(`${path}.partial`, { force: true });
  writeFileAtomically(path, `${JSON.stringify(address, null, 2)}\n`, 0o600);
}

/**
 * The newest run of a job, of those in a folder of runs.
 * @param job as it was given to `coordinate`
 */
export function runOfJob(runs: string, job: string): string | undefined {
  if (!existsSync(runs)) return undefined;
  const found = readdirSync(runs)
    .map((name) => join(runs, name))
    .filter((folder) => jobsOfRun(folder).includes(job))
    .sort((one, other) => numberOf(other) - numberOf(one));
  return found[0];
}

/** The number that ends a run's name. */
function numberOf(folder: string): number {
  return Number(/\d+$/.exec(folder)?.[0] ?? 0);
}

/** None also where another user's run, or another version's, cannot be read: it is not the one that is looked for. */
function jobsOfRun(folder: string): readonly string[] {
  try {
    return readAddress(folder)?.jobs ?? [];
  } catch (error) {
    if (error instanceof LockstepError) return [];
    throw error;
  }
}

/** @returns undefined for a run that never listened. @throws ConfigError when the file is not one of ours */
export function readAddress(folder: string): ListenAddress | undefined {
  const path = addressFile(folder);
  if (!existsSync(path)) return undefined;
  return readJsonFile(path, schema, {
    Failure: ConfigError,
    what: 'what a coordinator wrote',
    remedy: 'delete it, and give --host, --port and --token',
  });
}
