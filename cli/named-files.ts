/** Files that are given by name on the command line: `--input user=user.npy --input film=film.npy`. */
import { ConfigError } from '../src/errors.js';

/**
 * @param flag that names them
 * @throws ConfigError for what is no name=file, and a name that is given twice
 */
export function namedFiles(flag: string, entries: readonly string[]): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of entries) {
    const [, name, path] = /^([^=]+)=(.+)$/s.exec(entry) ?? [];
    if (name === undefined) throw new ConfigError(`${flag} ${entry}: is no name=file`, 'write it as user=user.npy');
    if (Object.hasOwn(files, name)) throw new ConfigError(`${flag} ${entry}: ${name} is given twice`, 'leave one out');
    files[name] = path;
  }
  return files;
}
