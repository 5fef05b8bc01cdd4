/** The command that goes on with a run as it was begun. */
import type { Command } from 'commander';
import { commandLine } from '../src/ground/shell-words.js';
import { givenWords } from './given-words.js';

/**
 * Options that a run does not keep in its folder: who computes, who has to be there, and who looks on. The rest is kept there (the
 * config, the address, the token, the ledger), or was for once (`--steps`, `--trace`).
 */
const notKept = new Set([
  ...['--threads', '--device', '--min-workers', '--allow-mixed-numerics', '--tls-cert', '--tls-key'],
  ...['--metrics-port', '--metrics-host', '--ui'],
]);

/** @param command as it was called */
export const goOnBy =
  (command: Command) =>
  (run: string): string =>
    commandLine([command.name(), '--resume', run, ...givenWords(command, notKept)]);
