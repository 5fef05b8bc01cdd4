/** docs/findings.md lists the scripts of findings/, and each script can be run by itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../support/package.js';

const scripts = readdirSync(join(packageRoot, 'findings'));
const textOf = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');
const rows = textOf('docs/findings.md')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));

it('are listed, each once, with a package, a surprise and an answer', () => {
  expect(rows.map(([, name]) => name.replaceAll('`', '')).toSorted()).toEqual(scripts.toSorted());
  for (const row of rows) {
    expect(row).toHaveLength(6);
    expect(row.slice(1, 5).every((cell) => cell !== '')).toBe(true);
  }
});

it.each(scripts)(
  '%s is a shell script that pins what it installs as the list says, and does without Lockstep',
  (name) => {
    const text = textOf(`findings/${name}`);
    expect(text).toMatch(/^#!.*bash\n# \S/);
    expect(text).not.toMatch(/lockstep/i);
    const installs = [...text.matchAll(/(?:npm install|pip install)([^\n]*)/g)].flatMap(([, list]) =>
      list.split(/\s+/).filter((word) => /^@?[a-z]/i.test(word)),
    );
    for (const each of installs) expect(each).toMatch(/.(@|==)\d+\.\d+/);
    const listed = rows.find(([, cell]) => cell === `\`${name}\``)!;
    for (const each of installs) {
      const [, version] = /.(?:@|==)([\d.]+)$/.exec(each)!;
      expect(listed[2]).toContain(version);
    }
  },
);
