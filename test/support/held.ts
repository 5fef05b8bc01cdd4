/**
 * Commands that stand still where they print a text. What a test does to a run before its end needs no run that is long enough
 * on every machine.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiled } from './package.js';

/** What holder.ts is told. */
export interface Stop {
  readonly text: string;
  /** Whether each time; else the first time only, and after the stops before it. */
  readonly isForever: boolean;
  /** It goes on when this file is there. */
  readonly gate?: string;
  /** For how long; where there is a gate, between two looks for it. */
  readonly milliseconds: number;
}

const variables = (stops: readonly Stop[]) => ({
  LOCKSTEP_HELD: JSON.stringify(stops),
  NODE_OPTIONS: `--import=${compiled('test/support/holder.js').href}`,
});

/**
 * A command stands still when it has printed the first of `texts`, until it is killed, or released: then it goes on to the next one.
 * What reached it meanwhile, signals too, it hears as soon as it goes on.
 * @returns `env`, variables of its environment
 */
export function held(...texts: readonly string[]) {
  const gates = texts.map(() => join(process.env.LOCKSTEP_SCRATCH ?? tmpdir(), `gate-${randomUUID()}`));
  const env = variables(texts.map((text, i) => ({ text, isForever: false, gate: gates[i], milliseconds: 5 })));
  return { env, release: () => writeFileSync(gates.shift()!, '') };
}

/** A command rests for so long each time that it prints `text`, and hears signals in between. @returns variables of its environment */
export const paced = (text: string, milliseconds: number) => variables([{ text, isForever: true, milliseconds }]);
