/** What a host is told to run, by a shell that is not known. */
import { shellWord, shellWords } from '../ground/shell-words.js';

/**
 * What a rank's host is told to run, by whatever shell its user has. That the end of the command is the end of the shell too is not left
 * to the shell, which would otherwise become the command: then a signal that kills it looks like a line that breaks.
 *
 * @param hello a line that says that the host was reached
 * @param folder of that host; none for the user's own
 * @param command as a shell reads it, which may set variables
 */
export function remoteCommand(
  hello: string,
  folder: string | undefined,
  command: string,
  args: readonly string[],
): string {
  const enter = folder === undefined ? '' : `cd -- ${shellWord(folder)} > /dev/null || exit 2; `;
  return `exec sh -c ${shellWord(`echo ${shellWord(hello)}; ${enter}${command} ${shellWords(args)}; exit $?`)}`;
}
