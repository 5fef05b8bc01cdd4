/** What to tell about a data file that cannot be opened or read. */
import { DataError } from '../errors.js';
import { beside } from '../ground/near-path.js';

/** @param error as Node's file system throws it */
export function unreadable(file: string, error: unknown): DataError {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason =
    code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : `cannot be read (${message})`;
  const remedy = 'check the path and its permissions';
  return new DataError(`${file} ${reason}`, beside(file, remedy));
}
