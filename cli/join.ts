/** `lockstep join`: a rank of a job that a scheduler or a message-passing library has started. Rank 0 coordinates, and all compute. */
import { Command } from 'commander';
import { leaveMpi } from '../src/wire/mpi/mpi-world.js';
import { type JoinFlags, prepareRank } from './join-request.js';
import { checkRunGiven } from './running.js';
import { withConfig, withRunOptions, withShared } from './shared-options.js';

export function joinCommand(): Command {
  const command = withConfig(new Command('join'), '[config]')
    .description('Train as one of the ranks that srun, mpirun or Kubernetes has started: all run this command.')
    .option('--rank <n>', 'which rank this is, from 0 (default: what the launcher says)')
    .option('--size <n>', 'how many ranks there are (default: what the launcher says)')
    .option('--coordinator <host[:port]>', 'where rank 0 is reached (default: what it writes into the folder of --out)')
    .option(
      '--job <name>',
      'the same in every rank and every start of a job (default: $LOCKSTEP_JOB, else by the launcher)',
    );
  command.option(
    '--life-line',
    'the first line of standard input is the token, and this rank ends when standard input does: for lockstep launch ssh',
  );
  withShared(command, 'timeout', 'cache', 'allowMixedNumerics', 'tlsCert', 'tlsKey', 'tlsCa');
  return withRunOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  srun -N 8 node_modules/.bin/lockstep join configs/mnist.yaml
  mpirun -np 8 node_modules/.bin/lockstep join configs/mnist.yaml
  npx lockstep join configs/mnist.yaml --rank 1 --size 2 --coordinator 10.0.0.1:7474 --job mnist-3

Rank 0 coordinates and shows what happens; all ranks compute, by default on the cores that the launcher gives each of them, else on
its share of the machine. A job that is started anew goes on with its run.
Without LOCKSTEP_TOKEN in the environment, all nodes share the folder of --out, where rank 0 leaves a token.
With --tls-cert and --tls-key, the same in every rank, all that the ranks say to each other is encrypted; without --tls-ca they trust
that certificate alone.
Exit codes: 0 the run is over, or has taken its --steps, 1 failed run, 2 bad input, 75 the run is not over and the same command goes on with it:
it was stopped by a signal, after a checkpoint, or ranks were missing.`,
    )
    .action(runJoin);
}

async function runJoin(file: string | undefined, flags: JoinFlags, command: Command): Promise<void> {
  checkRunGiven(file, flags.resume, command);
  // To the very end of the process: what ends a job ends ranks that have ended well already, and each is to keep its exit code.
  process.on('SIGTERM', () => {});
  const prepared = await prepareRank(file, flags);
  if (!prepared) return;
  const { launch, request } = prepared;
  if (launch.rank === 0) {
    const { joinAsCoordinator } = await import('./join-coordinator.js');
    await joinAsCoordinator(launch, request);
  } else {
    const { joinAsWorker } = await import('./join-worker.js');
    await joinAsWorker(launch, request);
  }
  leaveMpi(launch.rank === 0 ? tellLate : undefined);
}

/** The launcher may end the ranks that are left, and say that the job has failed. */
const tellLate = (seconds: number): void =>
  void process.stderr.write(
    `warning: a rank has not come to the end of the MPI job within ${seconds} s: rank 0, whose run is over, ends without it\n`,
  );
