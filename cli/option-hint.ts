/** An option that a command does not have, but configs do: how it is set. */
import { keyPaths } from '../src/config/key-paths.js';
import { typedWords } from '../src/ground/shell-words.js';

/**
 * @param args of the whole command line
 * @param unknown as it was typed: `--batch-size`, or `--batch-size=64`
 * @returns a line, or nothing where no key has the name
 */
export function optionHint(args: readonly string[], unknown: string): string {
  const [flag, given] = unknown.split(/=(.*)/, 2);
  const next = args[args.indexOf(unknown) + 1] ?? '-';
  const value = given ?? (next.startsWith('-') ? 'VALUE' : next);
  const name = flag.replace(/^-+/, '').replaceAll(/[-_]+(\w)/g, (_, letter: string) => letter.toUpperCase());
  const ways = keyPaths(name).map((path) => typedWords(['--set', `${path}=${value}`]));
  const note = ways.some((way) => way.includes('.NAME.')) ? ', with the NAME that the config has there' : '';
  return ways.length === 0 ? '' : `${flag} is a key of configs: ${ways.join(' or ')}${note}\n`;
}
