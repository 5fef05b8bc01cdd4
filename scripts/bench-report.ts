/** `npm run bench:report`: adds a result of the benchmark to a history, and shows what has changed. See docs/performance.md, Benchmarks. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { LockstepError } from '../src/errors.js';
import { append, type Change, compare, readHistory } from './bench/history.js';
import { defaultResultFile, parseResult, readText } from './bench/result.js';
import { table } from './bench/table.js';

interface Flags {
  readonly history: string;
  readonly last: number;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isInteger(value)) return value;
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

function cells({ section, what, unit, peer, now, before, verdict }: Change): string[] {
  const digits = (value: number) => (value < 100 ? value.toFixed(2) : value.toFixed(0));
  const against = peer === '' ? unit : `over ${peer}`;
  if (!before) return [section, what, against, digits(now), '-', '-', '-', verdict];
  const change = 100 * (now / before.median - 1);
  return [
    ...[section, what, against, digits(now), `${digits(before.median)} (of ${before.results})`],
    ...[`${digits(before.low)}-${digits(before.high)}`, `${change < 0 ? '' : '+'}${change.toFixed(1)} %`],
    verdict === 'same' ? '' : verdict,
  ];
}

function report(file: string, { history, last }: Flags): void {
  const result = parseResult(readText(file), file);
  const earlier = readHistory(history);
  const changes = compare(earlier, result, last);
  const added = append(history, earlier, result);
  const head = ['benchmark', 'what', 'figure', 'now', 'before', 'min-max', 'change', ''];
  const worse = changes.filter(({ verdict }) => verdict === 'WORSE').length;
  process.stdout.write(
    `${result.machine}; ${result.at}, ${added ? 'added to' : 'already in'} ${history}\n\n` +
      `${table(head, changes.map(cells), 3)}\n` +
      `${worse} of ${changes.length} rows are worse than the last results of this machine\n`,
  );
}

try {
  await new Command('bench:report')
    .description('Adds a result of the benchmark to a history, and shows what has changed.')
    .argument('[file]', 'what npm run bench wrote', defaultResultFile)
    .option('--history <file>', 'one JSON line a result', 'bench-history.jsonl')
    .option('--last <n>', 'compare with the last so many results of this machine', wholeNumber, 5)
    .exitOverride()
    .action(report)
    .parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof LockstepError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  } else throw error;
}
