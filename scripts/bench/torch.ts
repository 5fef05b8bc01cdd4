/** PyTorch, the peer of several benchmarks, in any number of Pythons. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A Python that should have PyTorch, and what to call it. */
export interface Python {
  readonly name?: string;
  readonly path: string;
}

/** One that has it. */
export interface Peer {
  readonly name: string;
  readonly python: string;
}

/** A program in scripts/peers, seen from dist/scripts/bench/. */
export const peerProgram = (name: string): string =>
  fileURLToPath(new URL(`../../../scripts/peers/${name}`, import.meta.url));

/** Those that have PyTorch, by their names or its versions; says what is missing where there is none. */
export function findPeers(pythons: readonly Python[]): Peer[] {
  return pythons.flatMap(({ name, path }) => {
    const version = versionOf(path);
    if (version !== undefined) return [{ name: name ?? `PyTorch ${version}`, python: path }];
    process.stdout.write(
      `${path} has no PyTorch, so there are no figures of it. On Debian: apt-get install python3-torch ` +
        'libopenblas0-pthread; elsewhere name another Python with --python. See README, Benchmarks.\n',
    );
    return [];
  });
}

function versionOf(python: string): string | undefined {
  const { status, stdout } = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : undefined;
}
