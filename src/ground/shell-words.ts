/** Words of command lines, each of which stays the one that it is, and commands of this program as a user types them. */

/** A word for a POSIX shell; fish and csh read it the same way, but for backslashes and exclamation marks. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

export const shellWords = (words: readonly string[]): string => words.map(shellWord).join(' ');

/** A word for the shells of Windows, which all know double quotes. */
const windowsWord = (word: string): string => (/^[\w@+=:,./\\-]+$/.test(word) ? word : `"${word}"`);

/** Words to be copied into the shell of this machine. @param platform as Node names it */
export const typedWords = (words: readonly string[], platform: NodeJS.Platform = process.platform): string =>
  words.map(platform === 'win32' ? windowsWord : shellWord).join(' ');

/**
 * A command to be copied into the shell of this machine. By npx it is found wherever Lockstep is installed: in the project, or for all.
 *
 * @param words what follows `lockstep`
 */
export const commandLine = (words: readonly string[]): string => `npx lockstep ${typedWords(words)}`;
