/** `lockstep doctor data`: what the data of a config hold, and what is odd about them. */

import { Command } from 'commander';
import pc from 'picocolors';
import type { DataDiagnosis, FieldReport, SplitCounts, SplitReport } from '../src/data/doctor/diagnosis.js';
import { printableDeep } from '../src/ground/printable.js';
import { grouped, numberText, plural } from '../src/ground/units.js';
import { columnsText } from '../src/report/columns-text.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { reportMistakes } from './outcome.js';
import { type SharedFlags, withConfig, withShared } from './shared-options.js';
import { isTerminal } from './streams.js';

type DoctorDataFlags = Pick<SharedFlags, 'set' | 'json'>;

/** Classes that people are shown. */
const mostClasses = 10;

export function doctorDataCommand(): Command {
  const command = withConfig(new Command('data'), '<config>').description(
    'Read the data of a config and show what they hold, and what is odd about them.',
  );
  return withShared(command, 'set', 'json')
    .addHelpText(
      'after',
      `
Shows rows and splits, types and ranges, missing values, the balance of classes, examples that come again in another split, and
groups (users, patients, ...) that are in two splits. Nothing is trained or written.

Examples:
  npx lockstep doctor data configs/recommender.yaml
  npx lockstep doctor data configs/optdigits.yaml --set data.stratify=false --json

Exit codes: 0 done, whatever was found, 2 data that cannot be read, or bad input.`,
    )
    .action((config: string, _: DoctorDataFlags, command: Command) => runDoctorData(config, command.optsWithGlobals()));
}

function runDoctorData(file: string, { set, json }: DoctorDataFlags): Promise<void> {
  return reportMistakes(json, async () => {
    const { loadRunConfig } = await import('../src/config/load-config.js');
    const { ignoredClasses } = await import('../src/config/heads.js');
    const { dataConfigOf } = await import('../coordinator/prepare/specs.js');
    const { diagnose } = await import('../src/data/doctor/diagnose.js');
    const config = loadRunConfig(file, set);
    const found = await diagnose(dataConfigOf(config), config.seed, { ignoreClass: ignoredClasses(config.loss) });
    const columns = terminalColumns(process.stdout);
    process.stdout.write(json ? jsonLine(found) : wrapLines(text(printableDeep(found), columns), columns));
  });
}

function text(found: DataDiagnosis, width: number): string {
  // picocolors alone would also colour what a CI run writes to a file.
  const colors = pc.createColors(pc.isColorSupported && isTerminal(process.stdout));
  const { description, rows, fields, columns, missing = [], duplicates, splitBy, groups = [], findings } = found;
  const lines = [
    `data      ${description}`,
    `splits    ${splitsText(rows)}`,
    ...(splitBy ? [`by        ${splitByText(splitBy)}`] : []),
    `repeated  ${plural(duplicates.rows, 'example')}, ${grouped(duplicates.acrossSplits)} of them in another split`,
    ...missing.map(({ column, rows, first }) => `missing   ${column}: ${plural(rows, 'row')}, the first ${first}`),
    ...groups.map(
      ({ column, values, shared }) =>
        `group     ${column}: ${plural(values, 'value')}, ${grouped(shared)} of them in two splits`,
    ),
    '',
    ...(columns ? [columnsText({ event: 'columns', ...columns }, colors, width).trimEnd(), ''] : []),
    colors.dim('fields'),
    ...fields.flatMap(fieldLines),
    '',
    ...findings.flatMap(({ about, problem, remedy }) => [
      `${colors.yellow(about.padEnd(10))}  ${problem}`,
      `            ${colors.dim(remedy)}`,
    ]),
    verdict(findings.length),
  ];
  return `${lines.join('\n')}\n`;
}

const splitsText = ({ training, validation, test }: SplitCounts): string =>
  `${grouped(training)} training, ${grouped(validation)} validation, ${grouped(test)} test`;

function splitByText({ kind, of, ranges = {} }: SplitReport): string {
  const each = Object.entries(ranges).map(([split, [lowest, highest]]) => `${split} ${lowest} to ${highest}`);
  return [`${kind} of ${of}`, ...each].join(', ');
}

function fieldLines({ name, role, type, shape, lowest, highest, mean, categories, classes }: FieldReport): string[] {
  const range =
    lowest === undefined || highest === undefined || mean === undefined
      ? ''
      : `  ${numberText(lowest)} to ${numberText(highest)}, mean ${numberText(mean)}`;
  const kinds = categories === undefined ? '' : `  ${grouped(categories)} ${classes ? 'classes' : 'categories'}`;
  const counts = (classes ?? []).slice(0, mostClasses).map((each) => `    ${each.name}: ${splitsText(each.rows)}`);
  const more = (classes?.length ?? 0) > mostClasses ? [`    and ${grouped(classes!.length - mostClasses)} more`] : [];
  return [`  ${name}  ${role}  ${type} [${shape.join(', ')}]${kinds}${range}`, ...counts, ...more];
}

function verdict(findings: number): string {
  if (findings === 0) return 'Nothing odd was found.';
  return findings === 1 ? '1 finding.' : `${grouped(findings)} findings.`;
}
