/** Where the package is, seen from a test: tests run compiled, from <build folder>/test. */
import { realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The sources' folder. A build folder elsewhere holds a link to package.json. */
export const packageRoot = dirname(realpathSync(new URL('../../../package.json', import.meta.url)));

/** The compiled `lockstep` command. */
export const cliFile = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

export const configFile = (name: string): string => join(packageRoot, 'configs', name);

/** The 10,000 test images of MNIST, for whoever has them beside the package. */
export const mnistFolder = resolve(packageRoot, '../shared/data/mnist');

/** 1.1 MB of Shakespeare, likewise. */
export const shakespeareFile = resolve(packageRoot, '../shared/data/tinyshakespeare/input.txt');

/** UCI's optical recognition of handwritten digits, as tables, likewise. */
export const optdigitsFolder = resolve(packageRoot, '../shared/data/optdigits');
