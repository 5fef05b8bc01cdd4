/** Words of command lines, each of which stays the one that it is, and commands of this program as a user types them. */

/** A word for a POSIX shell; fish and csh read it the same way, but for backslashes and exclamation marks. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

export const shellWords = (words: readonly string[]): string => words.map(shellWord).join(' ');

/** A word for the shells of Windows, which all know double quotes. */
const windowsWord = (word: string): string => (/^[\w@+=:,./\\-]+$/.test(word) ? word : `"${word}"`);

/**
 * A command to be copied into the shell of this machine. By npx it is found wherever Lockstep is installed: in the project, or for all.
 *
 * @param words what follows `lockstep`
 * @param platform as Node names it
 */
export const commandLine = (words: readonly string[], platform: NodeJS.Platform = process.platform): string =>
  ['npx lockstep', ...words.map(platform === 'win32' ? windowsWord : shellWord)].join(' ');
