/** What the library exports carries its words into the editor: each function and type, and each option and field of them. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildFolder } from '../support/package.js';

/** Names that a declaration file exports, with the files that declare them. */
function exportsOf(file: string): { readonly name: string; readonly file: string }[] {
  const text = readFileSync(file, 'utf8');
  const passed = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gm)].flatMap(([, names, from]) =>
    names.split(',').flatMap((name) => {
      const plain = name.trim().replace(/^type /, '');
      return plain === '' ? [] : [{ name: plain, file: join(dirname(file), from.replace(/\.js$/, '.d.ts')) }];
    }),
  );
  const own = [
    ...text.matchAll(/^export (?:declare )?(?:abstract )?(?:async )?(?:class|const|function|interface|type) (\w+)/gm),
  ];
  return [...passed, ...own.map(([, name]) => ({ name, file }))];
}

/** Lines of a declaration, and whether words stand above it. */
function declarationOf(file: string, name: string): { readonly lines: readonly string[]; readonly isTold: boolean } {
  const lines = readFileSync(file, 'utf8').split('\n');
  const start = lines.findIndex((line) =>
    new RegExp(`^export (declare )?(abstract )?(class|const|function|interface|type) ${name}\\b`).test(line),
  );
  if (start < 0) throw new Error(`${file} does not declare ${name}`);
  const end = lines.findIndex((line, i) => i >= start && /^\}|;$/.test(line) && !/^ /.test(line));
  return { lines: lines.slice(start, end + 1), isTold: lines[start - 1]?.trim().endsWith('*/') ?? false };
}

/** Fields of a mapping that have no words above them. Those that tell one mapping from others say what they are by themselves. */
function untoldFields(lines: readonly string[]): string[] {
  return lines.flatMap((line, i) => {
    const [, name, type] = /^ {4}(?:readonly )?(\w+)\??: (.*)$/.exec(line) ?? [];
    if (name === undefined || /^'[\w-]+';$/.test(type)) return [];
    return lines[i - 1].trim().endsWith('*/') ? [] : [name];
  });
}

describe.each(['coordinator/lockstep', 'worker/worker'])('what %s exports', (entry) => {
  const found = exportsOf(join(buildFolder, `${entry}.d.ts`));

  it('carries words', () => {
    expect(found.length).toBeGreaterThan(1);
    const untold = found.filter(({ name, file }) => !declarationOf(file, name).isTold);
    expect(untold.map(({ name, file }) => `${file.slice(buildFolder.length + 1)}: ${name}`)).toEqual([]);
  });

  it('carries words at each of its fields', () => {
    const untold = found.flatMap(({ name, file }) =>
      untoldFields(declarationOf(file, name).lines).map(
        (field) => `${file.slice(buildFolder.length + 1)}: ${name}.${field}`,
      ),
    );
    expect(untold).toEqual([]);
  });
});
