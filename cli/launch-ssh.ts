/** `lockstep launch ssh`: a rank on each host of a file, by ssh. */
import { randomInt } from 'node:crypto';
import { Command } from 'commander';
import { ConfigError } from '../src/errors.js';
import { printableLines } from '../src/ground/printable.js';
import { shellWords } from '../src/ground/shell-words.js';
import { parseHosts, type SshHost } from '../src/launch/hosts-file.js';
import { runOverSsh } from '../src/launch/ssh-job.js';
import { type SshRankOptions, sshArguments } from '../src/launch/ssh-rank.js';
import { addressOf } from '../src/launch/ssh-settings.js';
import { generateToken } from '../src/wire/handshake.js';
import { hostAndPort, isHost } from '../src/wire/url.js';
import { givenText } from './given-file.js';
import { hostAndPortOf } from './join-request.js';
import {
  checkConfig,
  commandOf,
  isOnDevice,
  joinArguments,
  type LaunchedFlags,
  missingRun,
  withLaunched,
} from './launched-options.js';
import { reportMistakes } from './outcome.js';
import { untilInterrupted } from './running.js';

interface SshFlags extends LaunchedFlags {
  readonly sshConfig?: string;
}

export function launchSshCommand(): Command {
  const command = new Command('ssh')
    .description('Train on the hosts of a file, a rank on each: starts them by ssh, watches them, and stops them.')
    .argument('<hosts>', 'file with a host a line: node1 slots=4 user=me port=2222 # slots are threads');
  withLaunched(command, 'chdir', 'command', 'dryRun');
  return command
    .option('--ssh-config <file>', "configuration of ssh (default: the user's own, such as ~/.ssh/config)")
    .option('--coordinator <host[:port]>', 'where rank 0 is reached (default: the first host, and a random port)')
    .option(
      '--job <name>',
      'the same in every rank and every start of a job (default: $LOCKSTEP_JOB, else by the launcher)',
    )
    .addHelpText(
      'after',
      `
Examples:
  npx lockstep launch ssh hosts.txt configs/mnist.yaml
  npx lockstep launch ssh hosts.txt configs/mnist.yaml --chdir lockstep --command 'PATH=/opt/node/bin:$PATH npx --no -- lockstep'
  npx lockstep launch ssh hosts.txt --resume runs/mnist-1

The first host is rank 0: config, data and runs are there. Each line is shown with its host. Ctrl-C ends all in good
order, with a checkpoint, and a second one at once; so do they end where this command is killed.
Exit codes: those of lockstep join of the rank that failed, else of rank 0; 1 where a host is not reached; 130 after Ctrl-C.`,
    )
    .action(runLaunchSsh);
}

async function runLaunchSsh(hosts: string, file: string | undefined, flags: SshFlags, command: Command): Promise<void> {
  await reportMistakes(flags.json, async (warn) => {
    const args = joinArguments(file, flags, command);
    await checkConfig(file, flags, 'ssh');
    const ranks = await planned(readHosts(hosts), args, flags);
    const missing = missingRun(flags);
    // The first host may have what this machine has not.
    if (missing) warn(`${missing.problem}; ${ranks[0].host.name} is to have it`);
    if (flags.dryRun) {
      const lines = ranks.map((rank) => shellWords(['ssh', ...sshArguments(rank, 'lockstep')]));
      process.stdout.write(printableLines(`${lines.join('\n')}\n`));
      return;
    }
    const said = flags.json ? sayJson : sayLine;
    const token = process.env.LOCKSTEP_TOKEN || generateToken();
    await untilInterrupted({ said: () => {} }, async (signal, exitCode) => {
      const { code, failure } = await runOverSsh({ ranks, token, said, warned: warn, signal });
      if (failure !== undefined) warn(failure);
      process.exitCode = signal.aborted && code !== 0 ? exitCode() : (code ?? 1);
    });
  });
}

const readHosts = (file: string): SshHost[] =>
  parseHosts(givenText(file, file, 'give a file with a host a line'), file);

async function planned(hosts: readonly SshHost[], join: readonly string[], flags: SshFlags): Promise<SshRankOptions[]> {
  const { sshConfig: configFile, chdir: folder = process.cwd() } = flags;
  const command = commandOf(flags) ?? 'npx --no -- lockstep';
  const given = flags.coordinator === undefined ? undefined : hostAndPortOf(flags.coordinator);
  // Also where it is not asked for: a configuration of ssh that is not there would end every rank.
  const own = given === undefined || configFile !== undefined ? await addressOf(hosts[0], configFile) : undefined;
  const host = given?.host ?? own!;
  if (given === undefined) await checkFirst(hosts, host, configFile);
  await checkTwice(hosts, configFile);
  // A job of a name has a port of its own. Of two launches without, each has another.
  const port = given?.port ?? (flags.job === undefined ? randomInt(10_000, 30_000) : undefined);
  const coordinator = port === undefined ? host : hostAndPort(host, port);
  const common = withoutCoordinator(join);
  return hosts.map((one, rank) => {
    // A device gets its work from one thread.
    const threads = one.slots === undefined || isOnDevice(flags) ? [] : ['--threads', String(one.slots)];
    const own = ['--rank', String(rank), '--size', String(hosts.length), '--coordinator', coordinator, '--life-line'];
    return { host: one, configFile, folder, command, args: ['join', ...common, ...threads, ...own] };
  });
}

/** @param host address of the first of them. @throws ConfigError where the others do not reach it by that */
async function checkFirst([first, ...others]: readonly SshHost[], host: string, configFile: string | undefined) {
  const remedy = 'give --coordinator HOST, the name by which they reach it, or put another host first';
  if (!isHost(host)) throw new ConfigError(`${first.name} is ${host}, which is no address for other hosts`, remedy);
  if (!/^(localhost|127\..*|::1?|0\.0\.0\.0)$/.test(host)) return;
  const elsewhere = await Promise.all(others.map((other) => addressOf(other, configFile)));
  if (elsewhere.every((other) => other === host)) return;
  throw new ConfigError(`${first.name} is ${host}, by which other hosts reach themselves and not rank 0`, remedy);
}

/** Of names that differ in the case of letters alone, ssh's configuration can make two hosts. @throws ConfigError where it does not */
async function checkTwice(hosts: readonly SshHost[], configFile: string | undefined): Promise<void> {
  const known = new Map<string, SshHost>();
  for (const host of hosts) {
    const one = known.get(host.name.toLowerCase());
    known.set(host.name.toLowerCase(), host);
    if (!one || one.port !== host.port) continue;
    if ((await addressOf(one, configFile)) !== (await addressOf(host, configFile))) continue;
    throw new ConfigError(`${one.name} and ${host.name} are one host, and a host has one rank`, 'leave one out');
  }
}

function withoutCoordinator(args: readonly string[]): string[] {
  const at = args.indexOf('--coordinator');
  return at < 0 ? [...args] : args.toSpliced(at, 2);
}

function sayLine(host: string, line: string, stream: 'stdout' | 'stderr'): void {
  process[stream].write(`${host}: ${line}\n`);
}

/** What the ranks print is JSON already; what their hosts add to it is not. */
function sayJson(host: string, line: string, stream: 'stdout' | 'stderr'): void {
  if (stream === 'stdout' && line.startsWith('{')) process.stdout.write(`${line}\n`);
  else process.stderr.write(`${host}: ${line}\n`);
}
