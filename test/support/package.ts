/** Where the package is, seen from a test. */
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The sources' folder. */
export const packageRoot = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** What is tested: `npm run build` makes it. */
export const buildFolder = resolve(packageRoot, process.env.LOCKSTEP_DIST ?? 'dist');

/** A compiled file, for what starts by its place: a thread, a process. @param path below the build folder */
export const compiled = (path: string): URL => pathToFileURL(join(buildFolder, path));

/** The compiled `lockstep` command. */
export const cliFile = fileURLToPath(compiled('cli/main.js'));

/** For `--import`: see one-core.ts. */
export const oneCore: string = compiled('test/support/one-core.js').href;

export const configFile = (name: string): string => join(packageRoot, 'configs', name);

/** The 10,000 test images of MNIST, for whoever has them beside the package. */
export const mnistFolder = resolve(packageRoot, '../shared/data/mnist');

/** 1.1 MB of Shakespeare, likewise. */
export const shakespeareFile = resolve(packageRoot, '../shared/data/tinyshakespeare/input.txt');

/** UCI's optical recognition of handwritten digits, as tables, likewise. */
export const optdigitsFolder = resolve(packageRoot, '../shared/data/optdigits');
