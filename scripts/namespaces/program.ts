/** A `lockstep` command on a host of a network. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunEvent } from '../../src/report/events.js';
import type { WorkerProgramEvent } from '../../worker/worker-events.js';
import { WatchedProgram } from '../programs/watched-program.js';
import type { Network } from './network.js';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'cli', 'main.js');

/** @param folder its current folder */
export function startOn<Event extends RunEvent | WorkerProgramEvent>(
  network: Network,
  host: number,
  args: readonly string[],
  folder: string,
): WatchedProgram<Event> {
  const within = ([file, ...rest]: readonly string[]) => {
    const [entering, command] = network.on(host, file, ...rest);
    return [entering, ...command];
  };
  // An interrupt at the terminal is for the script alone, which ends the programs in order.
  return new WatchedProgram<Event>(args[0], { program, args, folder, within, ignoresCtrlC: true });
}
