/**
 * Standard input as the line that a process hangs on, which was started on another host: nothing else tells it that whoever started it
 * is gone. It is read until its end, and holds no process that has nothing else to do.
 */
import type { Readable } from 'node:stream';
import { ConfigError } from '../errors.js';

/** What asks for an end in good order. */
export const stopLine = 'stop\n';

/** What a word over the line, or its end, comes to. */
export interface LifeLineEvents {
  /** It is to end in good order; told again each second, as whoever is to hear it may not be there yet. */
  readonly stopped: () => void;
  /** The line has ended after a word to stop: whoever asked does not wait for good order. */
  readonly cut: () => void;
}

/** Resolves with the first line. @throws ConfigError when the line ends before */
export function holdLifeLine(input: Readable & { unref?(): void }, { stopped, cut }: LifeLineEvents): Promise<string> {
  let text = '';
  let token: string | undefined;
  let isStopped = false;
  const stop = () => {
    if (isStopped) return;
    isStopped = true;
    stopped();
    setInterval(stopped, 1000).unref();
  };
  return new Promise((resolve, reject) => {
    input.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const whole = text.split('\n');
      text = whole.pop()!;
      for (const line of whole) {
        if (token !== undefined && `${line}\n` === stopLine) stop();
        token ??= line;
      }
      if (token === undefined) return;
      input.unref?.();
      resolve(token);
    });
    const end = () => {
      if (token === undefined) reject(untold());
      else if (isStopped) cut();
      else stop();
    };
    input.once('end', end);
    input.once('error', end);
  });
}

const untold = (): ConfigError =>
  new ConfigError(
    'standard input has ended before it said a token',
    'leave out --life-line: it is for lockstep launch ssh, which holds the other end',
  );
