/** "Did you mean ...?" of files and folders that are not there. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { suggest } from './suggest.js';

/** The remedy for a path where nothing is. @param otherwise where nothing near it has a name like it */
export function beside(path: string, otherwise: string): string {
  const near = existsSync(path) ? undefined : nearPath(path);
  return near === undefined ? otherwise : `did you mean ${near}?`;
}

/** A path that is there, with one slip in its last name, or in that of its folder. */
function nearPath(path: string): string | undefined {
  const [folder, name] = [dirname(path), basename(path)];
  const here = nearIn(folder, name);
  if (here !== undefined || existsSync(folder)) return here;
  const other = nearIn(dirname(folder), basename(folder));
  const found = other === undefined ? undefined : join(other, name);
  return found !== undefined && existsSync(found) ? found : undefined;
}

function nearIn(folder: string, name: string): string | undefined {
  try {
    const near = suggest(name, readdirSync(folder).sort());
    return near === undefined ? undefined : join(folder, near);
  } catch {
    return undefined;
  }
}
