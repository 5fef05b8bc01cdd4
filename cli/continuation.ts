/** `lockstep predict` with a model of text: what it goes on with, as it comes. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { asUtf8, BrokenUtf8, placeOfBroken } from '../src/data/text/utf8.js';
import { ConfigError, DataError } from '../src/errors.js';
import { beside } from '../src/ground/near-path.js';
import { printableText } from '../src/ground/printable.js';
import { jsonLine } from '../src/report/json.js';
import { numberFlag, wholeFlag } from './flag-numbers.js';
import { type SharedFlags, seedOf, withShared } from './shared-options.js';

export interface ContinuationFlags extends Pick<SharedFlags, 'model' | 'module' | 'json' | 'text' | 'seed'> {
  readonly output?: string;
  readonly length?: string;
  readonly temperature?: string;
  readonly topK?: string;
  readonly topP?: string;
  readonly repetitionPenalty?: string;
  readonly samples?: string;
}

const names = {
  text: '--text',
  length: '--length',
  temperature: '--temperature',
  topK: '--top-k',
  topP: '--top-p',
  repetitionPenalty: '--repetition-penalty',
  seed: '--seed',
  samples: '--samples',
} as const;

/** Adds the options. */
export function withContinuation(command: Command): Command {
  withShared(command, 'text')
    .option('--length <n>', 'tokens to add to the text: characters, or as data.tokens says (default: 200)')
    .option('--temperature <t>', 'above 1 for more surprise, 0 for the likeliest token each time (default: 1)')
    .option('--top-k <k>', 'draw from the k likeliest tokens')
    .option('--top-p <p>', 'draw from the likeliest tokens that have the probability p together')
    .option('--repetition-penalty <r>', 'above 1 to have less of the tokens that were there before (default: 1)');
  return withShared(command, 'seed').option('--samples <n>', 'so many continuations, of seeds one after the other');
}

/** The first of the flags that only models of text have a use for, as it was written. */
export function givenForText(flags: ContinuationFlags): string | undefined {
  const given = Object.keys(names) as (keyof typeof names)[];
  const first = given.find((name) => flags[name] !== undefined);
  return first && names[first];
}

/** @param input a file of text, `-` for standard input @throws LockstepError */
export async function continuation(
  place: string,
  input: string | undefined,
  flags: ContinuationFlags,
  warn: (message: string) => void,
): Promise<AsyncIterable<string>> {
  if ((input === undefined) === (flags.text === undefined)) {
    const problem = input === undefined ? 'no text is given' : 'a file and --text are given';
    throw new ConfigError(problem, 'name a text file after the model, or give --text');
  }
  const options = {
    model: flags.model,
    module: flags.module,
    warn,
    length: wholeFlag(names.length, flags.length, 1),
    temperature: numberFlag(names.temperature, flags.temperature),
    topK: numberFlag(names.topK, flags.topK),
    topP: numberFlag(names.topP, flags.topP),
    repetitionPenalty: numberFlag(names.repetitionPenalty, flags.repetitionPenalty),
  };
  const first = seedOf(flags) ?? 0;
  const samples = wholeFlag(names.samples, flags.samples, 1);
  const text = flags.text ?? readText(input!);
  // Late, because tfjs takes most of the time that the command needs to start.
  const { openContinuation } = await import('../coordinator/inference/continue-text.js');
  const goOn = await openContinuation(place, text, options);
  const seeds = Array.from({ length: samples ?? 1 }, (_, i) => first + i);
  return flags.json ? jsonLines(goOn, seeds, samples) : plainParts(goOn, seeds, samples, flags.output);
}

type GoOn = (seed: number) => AsyncIterable<string>;

async function* jsonLines(goOn: GoOn, seeds: readonly number[], samples: number | undefined): AsyncGenerator<string> {
  for (const seed of seeds) {
    let text = '';
    for await (const part of goOn(seed)) text += part;
    yield jsonLine({ ...(samples !== undefined && { seed }), text });
  }
}

async function* plainParts(
  goOn: GoOn,
  seeds: readonly number[],
  samples: number | undefined,
  output: string | undefined,
): AsyncGenerator<string> {
  for (const seed of seeds) {
    if (samples !== undefined) yield `--- seed ${seed}\n`;
    // A file has what the model gives; on a terminal that is not to do anything.
    yield* output === undefined ? printableText(goOn(seed)) : goOn(seed);
    yield '\n';
  }
}

/** @throws DataError where there is no such file, or it is no text */
export function readText(file: string): string {
  const bytes = bytesOf(file);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const broken = new BrokenUtf8();
    broken.add(bytes);
    throw new DataError(`${file} is not UTF-8 text: ${placeOfBroken(broken.finish()!)}`, asUtf8);
  }
}

function bytesOf(file: string): Uint8Array {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`;
    throw new DataError(`${file}: ${reason}`, beside(file, 'name a text file, or give --text'));
  }
}
