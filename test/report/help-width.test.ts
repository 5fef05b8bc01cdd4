/** Help of commands on terminals of any width: no line is broken before it is full, as it would be where lines were broken twice. */
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { loaders } from '../../cli/program.js';
import { wrapHelp } from '../../src/report/wrap.js';
import { lockstepServed } from '../support/cli.js';
import { newFolders } from '../support/folder.js';

const newFolder = newFolders();

/** Lines that end before the first word of the next one, though it had room, and no sentence ends there. */
function brokenEarly(text: string, columns: number): string[] {
  const lines = text.split('\n');
  return lines.filter((line, i) => {
    const next = lines[i + 1] ?? '';
    // Titles of options stand before their text, and commands are broken before an option.
    const isProse = /^\S/.test(line) && /^\S/.test(next);
    const isOption = /^ {8,}\S/.test(next) && /^ {2}/.test(line) && !/lockstep |\\$/.test(line);
    if ((!isProse && !isOption) || /[.:]$/.test(line)) return false;
    const [word] = next.trim().split(' ');
    return line.length + 1 + word.length <= columns;
  });
}

/** With those inside of them. */
const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
const commands = (await Promise.all(Object.values(loaders).map((load) => load()))).flatMap(all);

describe.each([60, 80, 100])('on %i columns', (columns) => {
  it('in paragraphs of all commands', () => {
    for (const command of commands) {
      let text = '';
      command
        .configureOutput({ getOutHelpWidth: () => columns, writeOut: (part) => (text += wrapHelp(part, columns)) })
        .outputHelp();
      expect(brokenEarly(text, columns), command.name()).toEqual([]);
      expect(text).not.toBe('');
    }
  });
});

it('in options, as the program prints them', async () => {
  const { stdout } = await lockstepServed(['launch', 'ssh', '--help'], newFolder(), { COLUMNS: '61' });
  expect(brokenEarly(stdout, 61)).toEqual([]);
  expect(Math.max(...stdout.split('\n').map(({ length }) => length))).toBeGreaterThan(55);
});
