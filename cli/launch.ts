/** `lockstep launch`: starts the ranks of a run on many machines, by ssh, Slurm or Kubernetes. */
import { Command } from 'commander';
import { launchKubernetesCommand } from './launch-kubernetes.js';
import { launchSlurmCommand } from './launch-slurm.js';
import { launchSshCommand } from './launch-ssh.js';

export function launchCommand(): Command {
  return new Command('launch')
    .description('Start the ranks of a run on many machines: each of them runs lockstep join.')
    .addCommand(launchSshCommand())
    .addCommand(launchSlurmCommand())
    .addCommand(launchKubernetesCommand())
    .addHelpText(
      'after',
      `
Examples:
  npx lockstep launch ssh hosts.txt configs/mnist.yaml
  npx lockstep launch slurm configs/mnist.yaml --nodes 8
  npx lockstep launch kubernetes configs/mnist.yaml --nodes 8 --image registry.example.com/lockstep`,
    );
}
