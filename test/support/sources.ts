/** The sources of the package as the rules of test/repository see them: what they import, export and declare. */
import { readdirSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { transform } from 'esbuild';
import { parseAst } from 'vite';
import { packageRoot } from './package.js';

export interface Import {
  /** Path of a source file from the root, or the name of a package. */
  readonly target: string;
  /** Named as a file by a URL, such as a program that is started; nothing is imported. */
  readonly isStarted?: boolean;
  /** Names that it takes; undefined where it takes none by name: `import './x.js'`, `import * as x`, `import('./x.js')`. */
  readonly names?: readonly string[];
}

export interface Source {
  /** Path from the root. */
  readonly file: string;
  readonly text: string;
  readonly imports: readonly Import[];
  readonly exports: readonly string[];
}

const statement = /^(?:import|export)\s+(?:type\s+)?(?:([^'"();]*?)\s+from\s+)?['"]([^'"]+)['"]/gm;
const computed = /(?:\{([^{}]*)\}\s*=\s*await\s+)?(?:\bimport\(|new URL\()\s*['"]([^'"]+)['"](?:\)\)\.(\w+))?/g;
const declared = /^export\s+(?:abstract\s+)?(?:async\s+)?(?:class|const|enum|function\*?|interface|let|type)\s+(\w+)/gm;

function importsOf(file: string, text: string): Import[] {
  const resolve = (target: string) =>
    target.startsWith('.') ? posix.join(dirname(file), target).replace(/\.js$/, '.ts') : target;
  const namesIn = (list: string | undefined) =>
    list
      ?.split(',')
      .map(
        (entry) =>
          entry
            .trim()
            .replace(/^type\s+/, '')
            .split(/\s+as\s+|:/)[0],
      )
      .filter((name) => name !== '');
  const named = [...text.matchAll(statement)].map(([, clause, target]) => ({
    target: resolve(target),
    names: namesIn(/\{([^}]*)\}/.exec(clause ?? '')?.[1]),
  }));
  const late = [...text.matchAll(computed)].map(([all, list, target, member]) => ({
    target: resolve(target),
    names: namesIn(list ?? member),
    isStarted: all.startsWith('new URL('),
  }));
  return [...named, ...late];
}

/** All sources under a folder of the package. */
export function sourcesIn(folder: string): Source[] {
  const entries = readdirSync(join(packageRoot, folder), { recursive: true }) as string[];
  return entries
    .filter((entry) => entry.endsWith('.ts') && !entry.endsWith('.d.ts'))
    .map((entry) => {
      const file = posix.join(folder, entry);
      const text = readFileSync(join(packageRoot, file), 'utf8');
      const exports = [...text.matchAll(declared)].map(([, name]) => name);
      return { file, text, imports: importsOf(file, text), exports };
    });
}

/** The shortest circle of imports that begins and ends at each file, if there is one; each circle once. */
export function circlesAmong(sources: readonly Source[]): string[] {
  const targets = new Map(
    sources.map(({ file, imports }) => [
      file,
      imports.filter(({ isStarted }) => !isStarted).map(({ target }) => target),
    ]),
  );
  const circles = new Map<string, string>();
  for (const { file } of sources) {
    const before = new Map<string, string | undefined>([[file, undefined]]);
    const pathTo = (end: string): string[] => {
      const start = before.get(end);
      return start === undefined ? [end] : [...pathTo(start), end];
    };
    // A map goes on with what is added while it is walked over: breadth first.
    for (const [from] of before) {
      const next = targets.get(from) ?? [];
      if (next.includes(file)) {
        const circle = pathTo(from);
        circles.set(circle.toSorted().join(' '), [...circle, file].join(' -> '));
        break;
      }
      for (const target of next) if (targets.has(target) && !before.has(target)) before.set(target, from);
    }
  }
  return [...circles.values()];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** Characters of code, without comments, that a function has that is worth counting. */
const fewestCharacters = 300;

/** Functions, methods and arrow functions of a source that are more than a few lines, with their lines from head to last brace. */
export async function functionsIn({ file, text }: Source): Promise<{ readonly at: string; readonly lines: number }[]> {
  const { code, map } = await transform(text, { loader: 'ts', sourcemap: 'external', target: 'esnext' });
  const original = new SourceMap(JSON.parse(map));
  const starts = [0];
  for (let at = code.indexOf('\n'); at >= 0; at = code.indexOf('\n', at + 1)) starts.push(at + 1);
  const lineOf = (offset: number): number => {
    const line = starts.findLastIndex((start) => start <= offset);
    const entry = original.findEntry(line, offset - starts[line]);
    return 'originalLine' in entry ? entry.originalLine + 1 : Number.NaN;
  };
  const found: { at: string; lines: number }[] = [];
  const visit = (node: Node): void => {
    if (/Function/.test(node.type) && node.end - node.start >= fewestCharacters) {
      const first = lineOf(node.start);
      found.push({ at: `${file}:${first}`, lines: lineOf(node.end - 1) - first + 1 });
    }
    if (node.end - node.start < fewestCharacters) return;
    for (const child of Object.values(node).flat()) {
      if (typeof (child as Node | null)?.type === 'string') visit(child as Node);
    }
  };
  visit(parseAst(code) as unknown as Node);
  return found;
}
