/** `lockstep ui`: a page that shows runs. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { dirname, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { ConfigError } from '../src/errors.js';
import { commandLine } from '../src/ground/shell-words.js';
import { jsonLine } from '../src/report/json.js';
import { isRunFolder } from '../src/report/run-folder.js';
import { reportMistakes } from './outcome.js';
import { tokenOf, untilInterrupted, wholeNumber } from './running.js';
import { withShared } from './shared-options.js';

const ownPort = 6010;

interface UiFlags {
  readonly host?: string;
  readonly port?: string;
  readonly token?: string;
  readonly json?: boolean;
  readonly untilInputEnds?: boolean;
}

export function uiCommand(): Command {
  const command = new Command('ui')
    .description('Show runs on a page, while they train and afterwards: curves, workers, checkpoints, logs, reports.')
    .argument('[runs]', "the folder that holds the runs' folders", 'runs')
    .option('--host <address>', 'address to listen on (default: 127.0.0.1, this machine only)')
    .option('--port <n>', `port to listen on; 0 for any (default: ${ownPort})`)
    .option('--token <token>', 'what stopping a run takes, and reading from another machine; made anew unless given')
    .addOption(new Option('--until-input-ends').hideHelp())
    .addHelpText(
      'after',
      `
Examples:
  npx lockstep ui
  npx lockstep ui runs --port 8080
  LOCKSTEP_TOKEN=... npx lockstep ui --host 0.0.0.0

Exit codes: 2 bad input; 130, 143 or 129 ended by Ctrl-C, SIGTERM or SIGHUP.`,
    )
    .action((folder: string, flags: UiFlags) => reportMistakes(flags.json, () => showRuns(folder, flags)));
  return withShared(command, 'json');
}

async function showRuns(
  folder: string,
  { host = '127.0.0.1', json, untilInputEnds, ...flags }: UiFlags,
): Promise<void> {
  if (existsSync(folder) && !statSync(folder).isDirectory()) {
    throw new ConfigError(
      `${folder}: is a file, not a folder of runs`,
      'name the folder that holds the runs, as in: npx lockstep ui runs',
    );
  }
  const port = wholeNumber(
    '--port',
    flags.port ?? `${ownPort}`,
    0,
    65_535,
    `use ${ownPort}, or 0 for any that is free`,
  );
  const token = tokenOf(flags) ?? randomBytes(16).toString('base64url');
  const { serveRuns } = await import('../src/ui/serve-runs.js');
  await untilInterrupted({ said: () => {} }, async (signal, exitCode) => {
    // Runs come first.
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
    const server = await serveRuns({ folder, host, port, token });
    const url = `${server.url}#token=${encodeURIComponent(token)}`;
    process.stdout.write(json ? jsonLine({ event: 'ui', url, folder }) : `runs in ${folder}: ${url}\n`);
    const message = untilInputEnds ? undefined : doubtOf(folder);
    if (message) process.stdout.write(json ? jsonLine({ event: 'warning', message }) : `warning: ${message}\n`);
    const ends = [once(signal, 'abort')];
    if (untilInputEnds) ends.push(once(process.stdin.resume(), 'end'));
    await Promise.race(ends);
    await server.close();
    if (signal.aborted) process.exitCode = exitCode();
  });
}

/** Why there may be nothing to see. */
function doubtOf(folder: string): string | undefined {
  if (!existsSync(folder)) return `${folder} is not there yet: runs are shown as they come`;
  if (!isRunFolder(folder)) return undefined;
  return `${folder} is a run by itself: name the folder that holds it, as in: ${commandLine(['ui', dirname(resolve(folder))])}`;
}
