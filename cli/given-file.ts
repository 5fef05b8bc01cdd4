/** Text files that are named on the command line. */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../src/errors.js';
import { beside } from '../src/ground/near-path.js';

/**
 * @param label what the file is called in errors: itself, behind its option where it has one
 * @param otherwise the remedy where nothing near it has a name like it
 * @throws ConfigError when it cannot be read
 */
export function givenText(label: string, file: string, otherwise: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a folder' : `cannot be read (${code})`;
    throw new ConfigError(`${label}: ${reason}`, beside(file, otherwise));
  }
}
