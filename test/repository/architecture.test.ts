/** docs/architecture.md: files and functions of the walks exist, rooms are those of the sources, in the order of imports. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../support/package.js';

const page = readFileSync(join(packageRoot, 'docs', 'architecture.md'), 'utf8');
const sections = page.split(/^## /m).slice(1);
const sectionOf = (title: string): string => sections.find((section) => section.startsWith(title))!;
const walks = sections.filter((section) => section.startsWith('Walk '));

it('has three walks, of numbered steps that each begin with a file and a name of it', () => {
  expect(walks).toHaveLength(3);
  for (const walk of walks) {
    const steps = walk.match(/^\d+\. .*/gm)!;
    expect(steps.length).toBeGreaterThanOrEqual(7);
    for (const step of steps) expect(step).toMatch(/^\d+\. `[\w/-]+\.ts` → `\w+`\. \S/);
  }
});

describe.each(walks.map((walk) => [walk.split('\n')[0], walk]))('%s', (_, walk) => {
  const places = [...walk.matchAll(/`([\w/-]+\.ts)`\s+→\s+`(\w+)`/g)].map(([, file, name]) => ({ file, name }));

  it.each(places)('$file has $name', ({ file, name }) => {
    const source = readFileSync(join(packageRoot, file), 'utf8');
    const declaration = `\\b(?:function\\*?|class|const|interface|type|enum) ${name}\\b|^ +(?:async |get )*#?${name}[(:<?]`;
    expect(source).toMatch(new RegExp(declaration, 'm'));
  });

  it('names methods that the class beside them has', () => {
    for (const step of walk.split(/^\d+\. /m).slice(1)) {
      const [, file] = /^`([\w/-]+\.ts)`/.exec(step)!;
      const source = readFileSync(join(packageRoot, file), 'utf8');
      const [, ...prose] = step.split(/→ `\w+`\./);
      const named = [
        ...prose.join().matchAll(/`([a-z]\w*)`(?= (?:is|adds|applies|counts|makes|sends|takes|draws)\b)/g),
      ];
      for (const [, name] of named)
        expect(source, `${file} ${name}`).toMatch(new RegExp(`^ +(?:async )?${name}\\(`, 'm'));
    }
  });
});

it('names files that exist', () => {
  const files = [...page.matchAll(/`((?:src|cli|coordinator|worker)\/[\w/.-]+)`/g)].map(([, file]) => file);
  expect(files.filter((file) => !existsSync(join(packageRoot, file)))).toEqual([]);
});

it('lists every room, those of src in the order of their imports', () => {
  const rooms = [...sectionOf('Rooms').matchAll(/^\| `([^`]+)\/`/gm)].map(([, room]) => room);
  const below = (folder: string) =>
    readdirSync(join(packageRoot, folder), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? `${folder}/${entry.name}` : [],
    );
  const inSrc = rooms.filter((room) => room.startsWith('src/'));
  expect(inSrc.toSorted()).toEqual(below('src').toSorted());
  expect(rooms).toEqual(expect.arrayContaining([...below('coordinator'), 'worker', 'cli']));
  const rules = readFileSync(join(packageRoot, 'test/repository/import-rules.test.ts'), 'utf8');
  const [, order] = /const order = \[(.*?)\]/s.exec(rules)!;
  expect(inSrc).toEqual([...order.matchAll(/'(\w+)'/g)].map(([, name]) => `src/${name}`));
});

it('explains each word once, in alphabetical order', () => {
  const words = [...sectionOf('Glossary').matchAll(/^\| ([a-z][^|]*?) \| \S/gm)].map(([, word]) => word).slice(1);
  expect(words.length).toBeGreaterThan(60);
  expect(new Set(words).size).toBe(words.length);
  expect(words).toEqual(words.toSorted((a, b) => a.localeCompare(b, 'en')));
});
