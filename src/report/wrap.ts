/** Lines no wider than the terminal that shows them: broken between words, and what follows a title stays below its text. */
import { Help } from 'commander';
import { displayWidth } from './aligned.js';

/** What commander wraps its help with: words stay whole, and colours take no room. */
const help = Object.assign(new Help(), { minWidthToWrap: 1, displayWidth });

/** Stands for the space between a number and its percent sign while lines are broken. */
const noBreak = '\ue000';

/** An indent, or a title and the gap behind it, with their colours. */
const lead = /^ *(?:\S.*? {2}(?: |\p{Cc}\[\d+m)*)?/u;
/** A line that is copied into a shell, also behind words such as "go on with:". */
const command = /^(?:[^:]*: | *)(?:.* \| )?(?:npx )?lockstep /;

/**
 * Columns of a terminal; elsewhere those of the variable COLUMNS, as `ls` and `ps` have it, and without it lines of any length. A
 * terminal of no columns, as under `mpirun`, is none.
 */
export function terminalColumns(stream: NodeJS.WritableStream & { isTTY?: boolean; columns?: number }): number {
  if (stream.isTTY && stream.columns) return stream.columns;
  const { COLUMNS: said = '' } = process.env;
  return /^[1-9]\d{0,4}$/.test(said) ? Number(said) : Number.POSITIVE_INFINITY;
}

/** Lines that fit; a word that is longer than that, such as a checksum, stays in one piece. */
export function wrapLines(text: string, columns: number): string {
  if (columns === Number.POSITIVE_INFINITY) return text;
  return text
    .split('\n')
    .map((line) => wrapLine(line, columns))
    .join('\n');
}

/**
 * A command's help: options are broken by commander, for so many columns. Where its paragraphs were broken for more, they are put
 * together first, up to the end of a sentence.
 */
export function wrapHelp(text: string, columns: number): string {
  const paragraphs = /^\S.*(?:\n\S.*)+|^ {2}\S.*(?:\n {8,}\S.*)+/gm;
  const whole = text.replaceAll(paragraphs, (lines) =>
    lines.split('\n').some((line) => displayWidth(line) > columns) ? lines.replaceAll(/(?<![.:])\n */g, ' ') : lines,
  );
  return wrapLines(whole, columns);
}

function wrapLine(line: string, columns: number): string {
  if (displayWidth(line) <= columns) return line;
  if (command.test(line)) return wrapCommand(line, columns);
  const [title] = lead.exec(line)!;
  const head = 2 * displayWidth(title) < columns ? title : /^ */.exec(line)![0];
  const text = line.slice(head.length).replaceAll(/(?<=\d) (?=%)/g, noBreak);
  const indent = displayWidth(head);
  const longest = Math.max(...text.split(/\s+/).map((word) => displayWidth(word)));
  const isBeside = indent + longest <= columns || head.trim() === '';
  const margin = ' '.repeat(isBeside ? indent : 4);
  const [first, ...more] = help
    .boxWrap(text, columns - margin.length)
    .replaceAll(noBreak, ' ')
    .split('\n');
  const begin = isBeside ? head + first : `${head.trimEnd()}\n${margin}${first}`;
  return [begin, ...more.map((rest) => margin + rest)].join('\n');
}

/** Goes on, before an option, as shells read it; where they do not, the line stays whole. */
function wrapCommand(line: string, columns: number): string {
  if (process.platform === 'win32') return line;
  const [first, ...options] = line.split(/ (?=--)/);
  const lines = [first];
  for (const option of options) {
    const longer = `${lines.at(-1)} ${option}`;
    if (displayWidth(longer) + ' \\'.length <= columns) lines[lines.length - 1] = longer;
    else lines.push(`    ${option}`);
  }
  return lines.join(' \\\n');
}
