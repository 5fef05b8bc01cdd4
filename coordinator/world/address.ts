/** Where a run listened and which token it asked for: kept in its folder, so that its workers find it again. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../../src/errors.js';
import { writeFileAtomically } from '../../src/ground/atomic-file.js';
import { readJsonFile } from '../../src/ground/json-file.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly token?: string;
}

export const addressFile = (folder: string): string => join(folder, 'coordinator.json');
const schema = z.strictObject({ host: z.string(), port: z.int().min(0).max(65535), token: z.string() });

/** Readable by the user alone: it holds the token. @throws OutputError when it cannot be written */
export function writeAddress(folder: string, address: ListenAddress): void {
  const path = addressFile(folder);
  // What may be left of an attempt that was killed could be readable by others.
  rmSync(`${path}.partial`, { force: true });
  writeFileAtomically(path, `${JSON.stringify(address, null, 2)}\n`, 0o600);
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
