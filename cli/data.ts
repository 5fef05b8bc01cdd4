/** `lockstep data`: a public data set, downloaded and checked. */
import { Command } from 'commander';
import { downloadSet, patience } from '../src/download/download.js';
import type { DownloadReporter } from '../src/download/download-events.js';
import { jsonDownloadReporter, plainDownloadReporter, terminalDownloadReporter } from '../src/download/report.js';
import { type PublishedSet, publishedSets } from '../src/download/sets.js';
import { ConfigError, LockstepError } from '../src/errors.js';
import { shippedFile } from '../src/ground/own-version.js';
import { commandLine } from '../src/ground/shell-words.js';
import { suggest } from '../src/ground/suggest.js';
import { tellMistake } from './outcome.js';
import { untilInterrupted } from './running.js';
import { withShared } from './shared-options.js';
import { isTerminal } from './streams.js';

interface DataFlags {
  readonly dir?: string;
  readonly mirror?: string;
  readonly json?: boolean;
}

const names = [...publishedSets.keys()];

export function dataCommand(): Command {
  const command = new Command('data')
    .description('Download a public data set, ready to train on.')
    .argument('<set>', names.join(', '))
    .option('--dir <dir>', 'folder that receives the files (default: data/<set>)')
    .option('--mirror <url>', "another address that serves the same files; their SHA-256 must be the published ones'");
  return withShared(command, 'json')
    .addHelpText(
      'after',
      `
Examples:
  npx lockstep data mnist
  npx lockstep data cifar10 --dir /big/disk/cifar10
  npx lockstep data fashion-mnist --mirror https://mirror.example.org/fashion-mnist/

A download that was cut off goes on where it ended. Files that are there and right are kept.

Exit codes: 0 done, 1 failed transfer, 2 bad input, 130, 143 or 129 stopped by Ctrl-C, SIGTERM or SIGHUP.`,
    )
    .action(runData);
}

async function runData(name: string, flags: DataFlags): Promise<void> {
  const report = reporter(flags);
  await untilInterrupted({ said: () => {} }, async (signal, exitCode) => {
    try {
      const set = publishedSet(name);
      const dir = flags.dir ?? set.dir;
      const homes = flags.mirror === undefined ? set.homes : [mirrorBase(flags.mirror)];
      try {
        await downloadSet({ ...set, homes }, dir, { ...patience, report, signal });
        report({ event: 'end', dir, interrupted: false, next: trainCommandLine(set, dir) });
      } catch (error) {
        if (!signal.aborted || error instanceof LockstepError) throw error;
        report({ event: 'end', dir, interrupted: true, next: sameCommandLine(name, flags) });
        process.exitCode = exitCode();
      }
    } catch (error) {
      tellMistake(error, report);
    }
  });
}

function reporter({ json }: DataFlags): DownloadReporter {
  if (json) return jsonDownloadReporter(process.stdout);
  return isTerminal(process.stdout) ? terminalDownloadReporter(process.stdout) : plainDownloadReporter(process.stdout);
}

function publishedSet(name: string): PublishedSet {
  const set = publishedSets.get(name);
  if (set) return set;
  const near = suggest(name, names);
  const list = `choose from ${names.join(', ')}`;
  throw new ConfigError(`data set "${name}" is not known`, near ? `did you mean ${near}? Else ${list}` : list);
}

/** With a slash at its end, so that file names are added to it and replace nothing. */
function mirrorBase(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new ConfigError(`--mirror ${text} is not an address`, 'write it as https://host/folder/');
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url.href;
}

function trainCommandLine({ config, dir: expected }: PublishedSet, dir: string): string {
  const file = shippedFile('configs', config);
  const sets = ['data.test=t10k', ...(dir === expected ? [] : [`data.dir=${dir}`])];
  return commandLine(['train', file, ...sets.flatMap((set) => ['--set', set])]);
}

function sameCommandLine(name: string, { dir, mirror }: DataFlags): string {
  const options = Object.entries({ dir, mirror }).flatMap(([key, value]) =>
    value === undefined ? [] : [`--${key}`, value],
  );
  return commandLine(['data', name, ...options]);
}
