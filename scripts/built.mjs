/** Whether `npm run build` has anything to do: `npm ci` builds, and `npm test` after it would make the same once more, for a quarter of a minute. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';

/** What is compiled, and what decides how. Of packages the lock file tells. */
const sources = ['src', 'cli', 'coordinator', 'worker', 'scripts', 'test', 'examples', 'page'];
const settings = ['package.json', 'package-lock.json', 'tsconfig.json'];

const stampOf = (outDir) => join(outDir, '.built');

const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();

/** A hash of all sources, and of names and sizes of all that is in `outDir`. */
function stateOf(root, outDir) {
  const hash = createHash('sha256');
  const note = (base, file, what) => hash.update(`${file.slice(base.length).replaceAll(sep, '/')}\0`).update(what);
  const read = [
    ...sources.flatMap((folder) => filesBelow(join(root, folder))),
    ...settings.map((name) => join(root, name)),
  ];
  for (const file of read) note(root, file, readFileSync(file));
  const made = filesBelow(outDir).filter((file) => file !== stampOf(outDir));
  for (const file of made) note(outDir, file, `${statSync(file).size}\0`);
  return hash.digest('hex');
}

/** Whether `outDir` is what was made of the sources as they are. */
export function isBuilt(root, outDir) {
  try {
    return readFileSync(stampOf(outDir), 'utf8') === stateOf(root, outDir);
  } catch {
    return false;
  }
}

/** To be called when all is made. */
export const noteBuilt = (root, outDir) => writeFileSync(stampOf(outDir), stateOf(root, outDir));

/** To be called before anything is made. */
export const forgetBuilt = (outDir) => rmSync(stampOf(outDir), { force: true });
