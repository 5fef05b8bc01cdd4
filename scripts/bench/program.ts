/** The `lockstep` command of this checkout, as processes that are measured. */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program } from '../../src/programs/program.js';

// From dist/scripts/bench/.
export const lockstepProgram = resolve(dirname(fileURLToPath(import.meta.url)), '../../cli/main.js');

/**
 * @param folder current folder of the process
 * @param told of each event
 * @param flags of Node
 */
export const lockstep = <Event>(
  args: readonly string[],
  folder: string,
  told: (event: Event) => void = () => {},
  flags: readonly string[] = [],
): Program<Event> => new Program<Event>({ program: lockstepProgram, args, folder, flags }, told);
