/**
 * Loaded where tests and the commands that they serve run: the machine has one core. Each thread loads an engine of its own,
 * which takes longer than most tests compute, so there is one where a test asks for no other number.
 */
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

os.availableParallelism = () => 1;
syncBuiltinESMExports();
