/**
 * One rank on another host, by the ssh program. Its standard input is its life line: the first line is the token, `stop` ends it in good
 * order, and what follows the end of the line is told by src/launch/life-line.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import { StringDecoder } from 'node:string_decoder';
import { printable } from '../ground/printable.js';
import type { SshHost } from './hosts-file.js';
import { stopLine } from './life-line.js';
import { remoteCommand } from './remote-command.js';

export interface SshRankOptions {
  readonly host: SshHost;
  /** Of ssh; none for the user's own. */
  readonly configFile: string | undefined;
  readonly folder: string | undefined;
  readonly command: string;
  readonly args: readonly string[];
}

export type Stream = 'stdout' | 'stderr';

/** How a rank ended. */
export interface RankEnd {
  /** Of the program where it ran, 128 + n where signal n has killed it; undefined where it is not known. */
  readonly code: number | undefined;
  /** Whether it can have done nothing: the host was not reached, or the program is not there or refuses. */
  readonly isUnstarted: boolean;
  readonly why: string;
}

/** Seconds until a host counts as out of reach, and until a line that says nothing does, in four parts. */
const [reachable, silent] = [30, 60];

/** Arguments of ssh. Nobody is there to be asked for a password, and nothing else is to go over the line. */
export function sshArguments({ host, configFile, folder, command, args }: SshRankOptions, hello: string): string[] {
  const settings = {
    BatchMode: 'yes',
    ClearAllForwardings: 'yes',
    ConnectTimeout: reachable,
    ServerAliveInterval: silent / 4,
    ServerAliveCountMax: 4,
  };
  return [
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...['-T', '-a', '-x'],
    ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...(host.user === undefined ? [] : ['-l', host.user]),
    ...(host.port === undefined ? [] : ['-p', String(host.port)]),
    ...['--', host.name, remoteCommand(hello, folder, command, args)],
  ];
}

export class SshRank {
  readonly ended: Promise<RankEnd>;
  readonly #process: ChildProcess;
  #isReached = false;

  /** @param said told of each line of it */
  constructor(options: SshRankOptions, token: string, said: (line: string, stream: Stream) => void) {
    const hello = `lockstep-${randomBytes(9).toString('hex')}`;
    let last = '';
    // Ctrl-C of a terminal is for the launcher alone.
    const child = spawn('ssh', sshArguments(options, hello), { detached: true, stdio: 'pipe' });
    this.#process = child;
    child.stdin.on('error', () => {});
    lines(child, 'stdout', (line) => {
      if (line !== hello) return said(line, 'stdout');
      this.#isReached = true;
      child.stdin.write(`${token}\n`);
    });
    lines(child, 'stderr', (line) => {
      last = line;
      said(line, 'stderr');
    });
    this.ended = new Promise((resolve) => {
      child.on('error', (error) => resolve({ code: undefined, isUnstarted: true, why: `ssh: ${error.message}` }));
      child.on('close', (code, signal) => resolve(endOf(code, signal, this.#isReached, last)));
    });
  }

  /** In good order; at once where it has not begun. */
  stop(): void {
    if (this.#isReached) this.#process.stdin!.write(stopLine);
    else this.kill();
  }

  /** Cuts the line: what has been told to stop then ends at once. */
  kill(): void {
    this.#process.kill('SIGTERM');
  }
}

function lines(child: ChildProcess, stream: Stream, told: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let begun = '';
  const take = (text: string) => {
    const whole = (begun + text).split(/\r?\n/);
    begun = whole.pop()!;
    for (const line of whole) told(printable(line, '\t'));
  };
  child[stream]!.on('data', (bytes: Buffer) => take(decoder.write(bytes)));
  child[stream]!.on('end', () => take(`${decoder.end()}${begun === '' ? '' : '\n'}`));
}

/** @param last line of its standard error */
function endOf(code: number | null, signal: NodeJS.Signals | null, isReached: boolean, last: string): RankEnd {
  if (code === 255 && !isReached) return { code: undefined, isUnstarted: true, why: `ssh does not get there: ${last}` };
  if (signal !== null || code === 255) {
    const what = signal === null ? 'the line to it broke' : `its ssh was killed by ${signal}`;
    return { code: undefined, isUnstarted: !isReached, why: what };
  }
  if (code === 127) return { code, isUnstarted: true, why: `there is no such command (exit code 127): ${last}` };
  if (code === 126) return { code, isUnstarted: true, why: `the command cannot be run (exit code 126): ${last}` };
  const name = Object.entries(constants.signals).find(([, number]) => code! - 128 === number)?.[0];
  if (name !== undefined) return { code: code!, isUnstarted: false, why: `killed by ${name}` };
  return { code: code!, isUnstarted: code === 2, why: `exit code ${code}` };
}
