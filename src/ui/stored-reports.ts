/** Reports that commands have left in a folder: pages, and JSON that is made a page where nobody has. */
import { execFile } from 'node:child_process';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { escapeHtml } from '../report/escape-html.js';
import { learningCurveName } from '../report/run-folder.js';

/** Bytes of a report, and of a page that is made of one. */
const mostBytes = 1 << 26;
/** Pages that wait to be made, one after the other. */
const mostWaiting = 8;
/** Milliseconds in which a page has to be made, and megabytes that may take. */
const limits = { milliseconds: 30_000, megabytes: 512 };
const program = fileURLToPath(new URL('../../program/draw-report.js', import.meta.url));

/** How what `--json` of evaluate, compare, check and explain prints begins, and what `lockstep scale` writes. */
const beginning =
  /^\s*\{\s*"(?:event":\s*"(?:evaluation|comparison|check|importance|explanation)"|format":\s*"lockstep-scale")/;

/** Names of the reports in a folder. */
export function reportsIn(folder: string): string[] {
  try {
    const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
    const names = new Set(files.map(({ name }) => name));
    const isDrawn = (name: string) => names.has(name.replace(/jsonl?$/, 'html'));
    return [...names]
      .filter((name) => /\.html?$/.test(name) || (/\.jsonl?$/.test(name) && !isDrawn(name) && isReport(folder, name)))
      .sort();
  } catch {
    return [];
  }
}

function isReport(folder: string, name: string): boolean {
  if (name === learningCurveName) return true;
  const start = Buffer.alloc(100);
  try {
    const file = openSync(join(folder, name), 'r');
    try {
      return beginning.test(start.toString('utf8', 0, readSync(file, start)));
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

/** Pages of reports. */
export class ReportPages {
  #drawn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @returns undefined where it is none of the folder's reports, or too many wait */
  async read(folder: string, name: string): Promise<Buffer | string | undefined> {
    if (!reportsIn(folder).includes(name)) return undefined;
    const file = join(folder, name);
    if (statSync(file).size > mostBytes) return undefined;
    if (!/\.jsonl?$/.test(name)) return readFile(file);
    if (this.#waiting >= mostWaiting) return undefined;
    this.#waiting++;
    const page = this.#drawn.then(() => draw(file)).finally(() => this.#waiting--);
    this.#drawn = page;
    return page;
  }
}

/** In a process of its own, which ends with what it took. */
function draw(file: string): Promise<string> {
  const args = [`--max-old-space-size=${limits.megabytes}`, program, file];
  const options = { timeout: limits.milliseconds, killSignal: 'SIGKILL', maxBuffer: mostBytes } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, page, problem) => {
      const reason = problem.split('\n')[0] || 'it takes too long, or too much memory';
      resolve(error ? `<!DOCTYPE html><p>This cannot be shown as a report: ${escapeHtml(reason)}</p>` : page);
    });
  });
}
