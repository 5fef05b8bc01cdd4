/** Where reports go: refused before anything is computed, with nothing written. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkReportFiles, type ReportFlags, writeReportFiles } from '../../cli/report-files.js';
import { LockstepError } from '../../src/errors.js';
import { temporaryFolder } from '../support/folder.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
mkdirSync(at('folder'));
writeFileSync(at('there'), 'mine');

function refusal(flags: ReportFlags): string {
  try {
    checkReportFiles(flags);
  } catch (error) {
    if (error instanceof LockstepError) return error.message;
    throw error;
  }
  return '';
}

it('what would be lost, or cannot be written, is refused with what helps', () => {
  const before = readdirSync(folder, { recursive: true });
  for (const flag of ['html', 'markdown']) {
    expect(refusal({ [flag]: at('there') })).toBe(
      `--${flag} ${at('there')}: is there already: choose another name, or give --force to replace it`,
    );
    for (const force of [false, true]) {
      expect(refusal({ [flag]: at('folder'), force })).toBe(
        `--${flag} ${at('folder')}: is a folder: name a file in it`,
      );
      expect(refusal({ [flag]: at('there/below'), force })).toMatch(
        /there\/below: cannot be written \(.*: choose another place/,
      );
    }
  }
  expect(refusal({ html: at('one'), markdown: at('folder/../one') })).toMatch(/are one file: name two$/);
  expect(readdirSync(folder, { recursive: true })).toEqual(before);
  expect(readFileSync(at('there'), 'utf8')).toBe('mine');
});

it('the remedies work when they are followed', async () => {
  expect(checkReportFiles({})).toBe(false);
  const flags = { html: at('there'), markdown: at('folder/new.md'), force: true };
  expect(checkReportFiles(flags)).toBe(true);
  await writeReportFiles(flags, { title: 'Evaluation of a model', lead: [], sections: [] });
  expect(readFileSync(at('there'), 'utf8')).toMatch(/^<!DOCTYPE html>/);
  expect(readFileSync(at('folder/new.md'), 'utf8')).toMatch(/^# Evaluation of/);
});
