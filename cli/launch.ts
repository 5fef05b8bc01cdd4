/** `lockstep launch`: starts the ranks of a run on many machines, by ssh, Slurm or Kubernetes. */
import { Command } from 'commander';
import { launchSshCommand } from './launch-ssh.js';

export function launchCommand(): Command {
  return new Command('launch')
    .description('Start the ranks of a run on many machines: each of them runs lockstep join.')
    .addCommand(launchSshCommand())
    .addHelpText(
      'after',
      `
Examples:
  lockstep launch ssh hosts.txt configs/mnist.yaml`,
    );
}
