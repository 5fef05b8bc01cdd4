/** Runs before all tests: what they start and call is compiled, so that it is the same files that users get. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { buildFolder, packageRoot } from './package.js';

export default function build(): void {
  if (process.env.LOCKSTEP_DIST === undefined) {
    execFileSync(execPath, [join(packageRoot, 'scripts', 'build.mjs'), '--changed'], { stdio: 'inherit' });
  } else if (!existsSync(join(buildFolder, 'src', 'zod.js'))) {
    throw new Error(`LOCKSTEP_DIST: ${buildFolder} is no build: npm run build -- --outDir ${buildFolder}`);
  }
}
