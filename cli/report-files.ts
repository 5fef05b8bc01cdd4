/** `--html` and `--markdown`: where a report goes. */
import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ConfigError, OutputError } from '../src/errors.js';
import { writeFileAtomically } from '../src/ground/atomic-file.js';
import { printable } from '../src/ground/printable.js';
import { fileOnTheWay } from '../src/ground/write-failure.js';
import type { ReportDocument } from '../src/report/document.js';
import { assertWritable } from '../src/report/run-folder.js';
import type { SharedFlags } from './shared-options.js';

export type ReportFlags = Pick<SharedFlags, 'html' | 'markdown' | 'force'>;

/**
 * Before anything is computed.
 * @returns whether a report is asked for
 * @throws OutputError where a file would be lost, or cannot be written
 */
export function checkReportFiles({ html, markdown, force }: ReportFlags): boolean {
  if (html !== undefined && markdown !== undefined && resolve(html) === resolve(markdown)) {
    throw new ConfigError(`--html ${html} and --markdown ${markdown}: are one file`, 'name two');
  }
  const files = Object.entries({ html, markdown }).flatMap(([flag, file]) =>
    file === undefined ? [] : [[`--${flag} ${file}`, file]],
  );
  for (const [asked, file] of files) {
    if (file === '') throw new ConfigError(`${asked.trim()}: names no file`, 'name one, such as report.html');
    if (existsSync(file) && statSync(file).isDirectory())
      throw new OutputError(`${asked}: is a folder`, 'name a file in it');
    if (existsSync(file) && !force) {
      throw new OutputError(`${asked}: is there already`, 'choose another name, or give --force to replace it');
    }
    try {
      assertWritable(dirname(resolve(file)));
    } catch (error) {
      if (!(error instanceof OutputError)) throw error;
      throw new OutputError(
        `${asked}: cannot be written (${fileOnTheWay(dirname(file)) ?? error.problem})`,
        'choose another place',
      );
    }
  }
  return files.length > 0;
}

/** @throws OutputError */
export async function writeReportFiles({ html, markdown }: ReportFlags, document: ReportDocument): Promise<void> {
  const { htmlPage } = await import('../src/report/page.js');
  const { markdownPage } = await import('../src/report/markdown-page.js');
  if (html !== undefined) writeFileAtomically(html, await htmlPage(document));
  if (markdown !== undefined) writeFileAtomically(markdown, markdownPage(document));
}

/** What people are told of them at the end. */
export const writtenText = ({ html, markdown }: ReportFlags): string =>
  `report: ${printable([html, markdown].filter((file) => file !== undefined).join(', '))}\n`;
