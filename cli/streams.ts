/** Standard output and standard error that cannot be written: no crash, said once, and an exit code that tells. */
import { writeSync } from 'node:fs';
import { printableMessage } from '../src/ground/printable.js';
import type { ErrorEvent } from '../src/report/events.js';

/** Why standard output cannot be written. */
let failure: NodeJS.ErrnoException | undefined;
/** A mistake that was told on standard output alone. */
let mistake: ErrorEvent | undefined;

/** To be called once, before anything is written. */
export function guardStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (failure) return;
    failure = error;
    // A reader that has seen enough (`| head`) is no error; neither is a terminal that was closed, which comes with SIGHUP.
    if (!isRefusal(error)) return;
    say(`warning: standard output cannot be written (${error.message}); the command goes on without it\n`);
  });
  // There is nowhere left to say it.
  process.stderr.on('error', () => {});
  process.on('exit', () => {
    if (!failure) return;
    if (mistake)
      say(
        `error: ${printableMessage(mistake.message)}\nremedy: ${printableMessage(mistake.remedy)}\n${mistake.code}\n`,
      );
    if (isRefusal(failure) && !process.exitCode) process.exitCode = 1;
  });
}

/** Keeps a mistake for standard error, in case that standard output does not take it. */
export function remember(told: ErrorEvent): void {
  mistake = told;
}

/** Whether nobody reads any more. */
export const isGone = ({ code }: NodeJS.ErrnoException): boolean => code === 'EPIPE' || code === 'EIO';
const isRefusal = (error: NodeJS.ErrnoException): boolean => !isGone(error);

/** Whether a stream is a terminal that lines can be drawn on: one of no columns, as under `mpirun`, is none, nor one without control codes. */
export const isTerminal = (stream: NodeJS.WriteStream, kind = process.env.TERM): boolean =>
  stream.isTTY === true && stream.columns > 0 && kind !== 'dumb';

function say(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // See above.
  }
}
