/** Files that are given by name on the command line: `--input user=user.npy --input film=film.npy`. */
import { ConfigError } from '../src/errors.js';

/**
 * @param flag that names them
 * @param written how it is to be written, and an example
 * @throws ConfigError for what is no name=file, and a name that is given twice
 */
export function namedFiles(
  flag: string,
  entries: readonly string[],
  written = { form: 'name=file', example: 'user=user.npy' },
): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of entries) {
    const [, name, path] = /^([^=]+)=(.+)$/s.exec(entry) ?? [];
    if (name === undefined)
      throw new ConfigError(`${flag} ${entry}: is no ${written.form}`, `write it as ${written.example}`);
    if (Object.hasOwn(files, name)) throw new ConfigError(`${flag} ${entry}: ${name} is given twice`, 'leave one out');
    files[name] = path;
  }
  return files;
}
