/** Options of a command line as they were typed, to be passed on to another. */
import type { Command } from 'commander';

/**
 * @param command as it was called
 * @param names such as `--set`; others are left out
 */
export function givenWords(command: Command, names: ReadonlySet<string>): string[] {
  const given = command.options.filter(
    (option) => names.has(option.long!) && command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  return given.flatMap((option) => {
    const value = command.getOptionValue(option.attributeName()) as true | string | readonly string[];
    if (value === true) return [option.long!];
    return [value].flat().flatMap((one) => [option.long!, one]);
  });
}
