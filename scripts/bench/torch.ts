/** PyTorch, the peer of several benchmarks, in any number of Pythons. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../../src/errors.js';

/** A Python that should have PyTorch, and what to call it. */
export interface Python {
  readonly name?: string;
  readonly path: string;
}

/** One that has it. */
export interface Peer {
  readonly name: string;
  readonly python: string;
  /** Of PyTorch. */
  readonly version: string;
}

/** A program in scripts/peers, seen from dist/scripts/bench/. */
export const peerProgram = (name: string): string =>
  fileURLToPath(new URL(`../../../scripts/peers/${name}`, import.meta.url));

/**
 * Those that have PyTorch, by their names or its versions; says what is missing where there is none.
 * @throws ConfigError when two have one name
 */
export function findPeers(pythons: readonly Python[]): Peer[] {
  const peers: Peer[] = [];
  for (const { name, path } of pythons) {
    const version = versionOf(path);
    if (version === undefined) {
      process.stdout.write(
        `${path} has no PyTorch, so there are no figures of it. On Debian: apt-get install python3-torch ` +
          'libopenblas0-pthread; elsewhere name another Python with --python. See docs/performance.md, Benchmarks.\n',
      );
      continue;
    }
    const peer = { name: name ?? `PyTorch ${version}`, python: path, version };
    const other = peers.find((one) => one.name === peer.name);
    if (other) {
      throw new ConfigError(
        `--python: ${other.python} and ${path} are both called ${peer.name}`,
        `name them, --python one=${other.python} --python two=${path}`,
      );
    }
    peers.push(peer);
  }
  return peers;
}

function versionOf(python: string): string | undefined {
  const { status, stdout } = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : undefined;
}
