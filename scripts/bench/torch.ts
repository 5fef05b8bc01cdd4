/** PyTorch, the peer of several benchmarks. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A program in scripts/peers, seen from dist/scripts/bench/. */
export const peerProgram = (name: string): string =>
  fileURLToPath(new URL(`../../../scripts/peers/${name}`, import.meta.url));

/** Says what is missing where PyTorch is. */
export function hasTorch(python: string): boolean {
  const { status } = spawnSync(python, ['-c', 'import torch'], { stdio: 'ignore' });
  if (status === 0) return true;
  process.stdout.write(
    `${python} has no PyTorch, so only our own figures follow. On Debian: apt-get install python3-torch ` +
      'libopenblas0-pthread; elsewhere name another Python with --python. See README, Benchmarks.\n',
  );
  return false;
}
