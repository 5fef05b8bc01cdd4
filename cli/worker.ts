/** `lockstep worker`: this machine computes for a coordinator. */
import { hostname } from 'node:os';
import { Command } from 'commander';
import { ConfigError } from '../src/errors.js';
import { printableDeep } from '../src/ground/printable.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import type { WorkerOptions } from '../worker/worker.js';
import type { WorkerProgramEvent } from '../worker/worker-events.js';
import { authority, pair, portNumber } from './network.js';
import { tellMistake } from './outcome.js';
import { hideToken, threadCount, timeoutOf, tokenOf, untilInterrupted } from './running.js';
import { type SharedFlags, withShared } from './shared-options.js';
import { workerLine } from './worker-text.js';

const shared = ['cache', 'timeout', 'token', 'threads', 'device', 'tlsCert', 'tlsKey', 'tlsCa', 'set', 'json'] as const;

interface WorkerFlags extends Pick<SharedFlags, (typeof shared)[number]> {
  readonly name?: string;
  readonly peerHost?: string;
  readonly peerPort?: string;
  readonly advertise?: string;
  readonly config?: string;
}

export function workerCommand(): Command {
  const command = new Command('worker')
    .description('Compute for a coordinator. Needs neither config nor data nor model: it is sent them.')
    .argument('<url>', 'where the coordinator listens, such as ws://10.0.0.1:7474')
    .option('--name <name>', 'name in reports (default: the name of this machine)')
    .option(
      '--peer-host <address>',
      'address for links from other workers (default: that by which the coordinator is reached)',
    )
    .option('--peer-port <n>', 'port for links from other workers (default: any)')
    .option('--advertise <host:port>', 'where other workers reach that port, if not there')
    .option('--config <file>', 'a config whose `data` section loads a copy of the data that this machine has');
  return withShared(command, ...shared)
    .addHelpText(
      'after',
      `
Examples:
  npx lockstep worker ws://10.0.0.1:7474 --token 4f1c...
  npx lockstep worker wss://trainer:7474 --token 4f1c... --tls-ca ca.pem --threads 4 --name rack1

It waits for the coordinator, comes back when the connection is lost, and ends with the run.
Ctrl-C, SIGTERM or SIGHUP: it leaves after the step under way; a second Ctrl-C ends it at once.
Exit codes: 0 the run is over or it was told to leave, 1 the run has failed, or no coordinator within --timeout, 2 bad input, or
not admitted.`,
    )
    .action(runWorker);
}

async function runWorker(url: string, flags: WorkerFlags): Promise<void> {
  hideToken(flags, 'lockstep worker');
  const tell = (event: WorkerProgramEvent) =>
    process.stdout.write(
      flags.json ? jsonLine(event) : wrapLines(workerLine(printableDeep(event)), terminalColumns(process.stdout)),
    );
  await untilInterrupted(
    { said: () => tell({ event: 'leaving', reason: 'after this step; press Ctrl-C again to quit at once' }) },
    async (signal) => {
      try {
        const options = { ...(await optionsOf(url, flags)), signal, report: tell };
        const { work } = await import('../worker/worker.js');
        await work(options);
      } catch (error) {
        // Asked to leave while it read data of its own.
        if (!signal.aborted || error !== signal.reason) tellMistake(error, tell);
      }
    },
  );
}

async function optionsOf(url: string, flags: WorkerFlags): Promise<Omit<WorkerOptions, 'report' | 'signal'>> {
  const name = flags.name ?? hostname();
  if (!/^[\w.-]{1,64}$/.test(name)) {
    throw new ConfigError(`--name ${name}: is no name`, 'use up to 64 letters, digits, ".", "_" and "-"');
  }
  const local = flags.config === undefined ? undefined : await localData(flags.config, flags.set);
  return {
    url,
    name,
    threads: threadCount(flags.threads),
    cache: flags.cache,
    timeout: timeoutOf(flags.timeout),
    token: tokenOf(flags),
    ca: authority(flags.tlsCa),
    local,
    peer: {
      host: flags.peerHost,
      port: flags.peerPort === undefined ? 0 : portNumber('--peer-port', flags.peerPort),
      advertise: flags.advertise,
      tls: pair(flags),
    },
  };
}

/** Few workers have a config, and reading one takes longer to load than what the others need. */
async function localData(file: string, set: readonly string[] = []): Promise<WorkerOptions['local']> {
  const { loadRunConfig } = await import('../src/config/load-config.js');
  const { ignoredClasses } = await import('../src/config/heads.js');
  const { dataConfigOf } = await import('../coordinator/prepare/specs.js');
  const config = loadRunConfig(file, set);
  return { data: dataConfigOf(config), seed: config.seed, ignoreClass: ignoredClasses(config.loss) };
}
