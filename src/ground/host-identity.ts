/** Which host a process is on: those that have the same one reach each other without a network between them. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { sha256 } from './checksum.js';

/**
 * A hash, so that others learn nothing of the machine by it.
 * @param chosen what stands for the host; default: $LOCKSTEP_HOST_ID, or one start of its system and a network namespace of that.
 *   Where the system does not tell those, its name and the addresses of its network cards
 */
export function hostIdentity(chosen = process.env.LOCKSTEP_HOST_ID): string {
  return sha256(`lockstep host\0${chosen || startAndNetwork() || nameAndCards()}`);
}

function startAndNetwork(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    // Every system has a first namespace of the same number.
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/net')}`;
  } catch {
    return undefined;
  }
}

function nameAndCards(): string {
  const cards = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outer = cards.filter(({ internal }) => !internal).map(({ mac }) => mac);
  return [hostname(), ...new Set(outer.sort())].join(' ');
}
