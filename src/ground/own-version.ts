/** This package: where it is, and its version, as its package.json has it. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const packageFolder = fileURLToPath(new URL('../../../', import.meta.url));

export const { version: ownVersion } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
  readonly version: string;
};

/** A file that this package has, as it is typed in the current folder: `node_modules/lockstep/configs/digits.yaml`. */
export function shippedFile(...path: string[]): string {
  const whole = join(packageFolder, ...path);
  const way = relative('', whole);
  return way.startsWith('..') ? whole : way;
}
