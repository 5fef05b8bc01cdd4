/**
 * How often the test split of a run was looked at since the run itself has ended: a line of JSON for each look, in the run's
 * folder. What is chosen by a test split it tests no longer, so that nobody should look without its being known.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { grouped } from '../ground/units.js';

/** The list in a run's folder. */
const looksName = 'looks.jsonl';

/** Looks at a split after the run's own. */
export interface Looks {
  readonly split: 'test';
  readonly count: number;
  /** When, as ISO 8601 in UTC; the oldest first. */
  readonly times: readonly string[];
}

const lookSchema = z.looseObject({ time: z.iso.datetime(), split: z.literal('test'), opened: z.boolean().optional() });
type Look = z.infer<typeof lookSchema>;

/** What a run's folder says of its test split. */
export interface LookState extends Looks {
  /** Whether somebody has opened a sealed one. */
  readonly isOpened: boolean;
}

/** @param run its folder; one that has no list was never looked at */
export function looksAt(run: string): LookState {
  return stateOf(readLooks(join(run, looksName)));
}

/**
 * Counts one more look. Looks of several processes at once are all counted: each is one write at the end of the file.
 *
 * @param opened whether it opens a split that was sealed
 * @param warn told where it cannot be written, such as in a folder that is only to be read; the look is counted in the result alone
 */
export function countLook(run: string, opened: boolean, warn: (message: string) => void): LookState {
  const file = join(run, looksName);
  const look: Look = { time: new Date().toISOString(), split: 'test', ...(opened && { opened }) };
  try {
    appendLine(file, JSON.stringify(look));
    return stateOf(readLooks(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    warn(`${file}: cannot be written (${code}): this look at the test split will not be remembered`);
    return stateOf([...readLooks(file), look]);
  }
}

/** On the disk when it returns. A line that an earlier process was killed in is ended first. */
function appendLine(file: string, line: string): void {
  const fd = openSync(file, 'a');
  try {
    const text = `${endsInLine(file) ? '' : '\n'}${line}\n`;
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

const endsInLine = (file: string): boolean => {
  const text = readFileSync(file, 'utf8');
  return text === '' || text.endsWith('\n');
};

function readLooks(file: string): Look[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // None, or none that can be read: whoever counts a look says so.
    return [];
  }
  return text.split('\n').flatMap((line) => lookIn(line) ?? []);
}

/** @returns undefined for a line that was cut off */
function lookIn(line: string): Look | undefined {
  try {
    return lookSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

const stateOf = (looks: readonly Look[]): LookState => ({
  split: 'test',
  count: looks.length,
  times: looks.map(({ time }) => time),
  isOpened: looks.some(({ opened }) => opened),
});

/** For people: what was seen, and what it means. */
export function looksText({ count }: Looks): string {
  const times = count === 1 ? 'once' : count === 2 ? 'twice' : `${grouped(count)} times`;
  const advice = count > 1 ? '; choose models by --split validation, or it tests nothing any more' : '';
  return `the test split of this run has been looked at ${times} since it ended${advice}`;
}
