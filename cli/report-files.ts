/** `--html` and `--markdown`: where the report of an evaluation goes. */
import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ConfigError, OutputError } from '../src/errors.js';
import { writeFileAtomically } from '../src/ground/atomic-file.js';
import type { EvaluationReport } from '../src/report/evaluation-report.js';
import { assertWritable } from '../src/report/run-folder.js';

export interface ReportFlags {
  readonly html?: string;
  readonly markdown?: string;
  readonly force?: boolean;
}

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
      throw new OutputError(`${asked}: cannot be written (${error.problem})`, 'choose another place');
    }
  }
  return files.length > 0;
}

/** @throws OutputError */
export async function writeReportFiles({ html, markdown }: ReportFlags, report: EvaluationReport): Promise<void> {
  const { reportHtml, reportMarkdown } = await import('../src/report/evaluation-document.js');
  if (html !== undefined) writeFileAtomically(html, await reportHtml(report));
  if (markdown !== undefined) writeFileAtomically(markdown, reportMarkdown(report));
}
