/** Python with what a test needs of it: of `$LOCKSTEP_PYTHON`, of `.venv/`, or of the machine. */
import { spawnSync } from 'node:child_process';
import { dirname, isAbsolute, join } from 'node:path';
import { packageRoot } from './package.js';

const candidates = [process.env.LOCKSTEP_PYTHON, join(packageRoot, '.venv/bin/python'), 'python3'];

/** A program that a package of PyPI has put beside Python, if it says that it is what is meant; undefined where there is none. */
export function besidePython(program: string, version: RegExp): string | undefined {
  return candidates
    .map((python) => join(dirname(python ?? ''), program))
    .find(
      (path) => isAbsolute(path) && version.test(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? ''),
    );
}

/** The first Python that has the modules; undefined where none has. */
export function pythonWith(...modules: readonly string[]): string | undefined {
  const statement = `import ${modules.join(', ')}`;
  return candidates
    .filter((python) => python !== undefined)
    .find((python) => spawnSync(python, ['-c', statement], { stdio: 'ignore' }).status === 0);
}
