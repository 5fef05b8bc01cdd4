/** Where a run listened and which token it asked for: kept in its folder, so that its workers find it again. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, OutputError } from '../../src/errors.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly token?: string;
}

const fileName = 'coordinator.json';
const schema = z.strictObject({ host: z.string(), port: z.int().min(0).max(65535), token: z.string() });

/** Readable by the user alone: it holds the token. @throws OutputError when it cannot be written */
export function writeAddress(folder: string, address: ListenAddress): void {
  const path = join(folder, fileName);
  try {
    writeFileSync(path, `${JSON.stringify(address, null, 2)}\n`, { mode: 0o600 });
    // The mode is for a new file; this one may have been copied.
    chmodSync(path, 0o600);
  } catch (error) {
    throw new OutputError(`${path}: cannot be written (${(error as Error).message})`, 'check its folder');
  }
}

/** @returns undefined for a run that never listened. @throws ConfigError when the file is not one of ours */
export function readAddress(folder: string): ListenAddress | undefined {
  const path = join(folder, fileName);
  if (!existsSync(path)) return undefined;
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    throw new ConfigError(`${path}: is not what a coordinator wrote`, 'delete it, and give --host, --port and --token');
  }
}
