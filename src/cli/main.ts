#!/usr/bin/env node
/** The `lockstep` command. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { coordinatorCommand } from './coordinator.js';
import { dataCommand } from './data.js';
import { doctorCommand } from './doctor.js';
import { evaluateCommand } from './evaluate.js';
import { exportCommand } from './export.js';
import { predictCommand } from './predict.js';
import { trainCommand } from './train.js';
import { workerCommand } from './worker.js';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('lockstep')
  .description('Distributed data-parallel training for TensorFlow.js.')
  .version(version)
  .exitOverride()
  .showHelpAfterError('(lockstep --help shows the commands, lockstep train --help the options of one)');
const commands = [
  ...[trainCommand(), coordinatorCommand(), workerCommand()],
  ...[evaluateCommand(), predictCommand(), exportCommand(), dataCommand(), doctorCommand()],
];
for (const command of commands) {
  program.addCommand(command.exitOverride().copyInheritedSettings(program));
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // commander has printed what is wrong; help and version are no errors.
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
