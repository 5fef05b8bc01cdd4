/**
 * The rules of the sources: who may import whom, no barrels, no exports that nobody imports; one meaning a file name,
 * an exported name and a type's name; how long files and functions are.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildFolder, packageRoot } from '../support/package.js';
import { circlesAmong, functionsIn, type Source, sourcesIn } from '../support/sources.js';

/** Folders of src/ in the order in which data flows; each imports those before it. */
const order = [
  'ground',
  'metrics',
  'config',
  'data',
  'model',
  'kernels',
  'engine',
  'reduce',
  'optimizer',
  'evaluate',
  'scores',
  'pool',
  'wire',
  'export',
  'explain',
  'checkpoint',
  'projection',
  'report',
  'track',
  'diagnosis',
  'download',
  'programs',
  'scale',
  'launch',
  'ui',
];

const [src, cli, coordinator, worker, scripts, tests] = ['src', 'cli', 'coordinator', 'worker', 'scripts', 'test'].map(
  sourcesIn,
);
const assembly = src.filter(({ file }) => file.startsWith('src/kernels/assembly/'));
const compiled = src.filter((source) => !assembly.includes(source));
const everything = [...compiled, ...cli, ...coordinator, ...worker, ...scripts, ...tests];

/** `config` for src/config/load-config.ts; undefined for src/errors.ts. */
const folderOf = (file: string): string | undefined => /^src\/(\w+)\//.exec(file)?.[1];

/** `a imports b` for every import that is not allowed. */
function violations(sources: readonly Source[], allowed: (source: Source, target: string) => boolean): string[] {
  return sources.flatMap((source) =>
    source.imports
      .filter(({ target }) => /^(src|cli|coordinator|worker|scripts|test)\//.test(target) && !allowed(source, target))
      .map(({ target }) => `${source.file} imports ${target}`),
  );
}

describe('imports', () => {
  it('are seen by this test', () => {
    const seen = everything.flatMap(({ imports }) => imports.filter(({ target }) => target.startsWith('src/')));
    expect(seen.length).toBeGreaterThan(150);
    const files = new Set([...everything, ...assembly].map(({ file }) => file));
    const unknown = seen.map(({ target }) => target).filter((target) => target.endsWith('.ts') && !files.has(target));
    // Modules in WebAssembly are compiled from assembly/.
    expect(unknown).toEqual([]);
  });

  it('inside src follow the data', () => {
    const folders = new Set(compiled.map(({ file }) => folderOf(file)));
    expect([...folders].filter((folder) => folder !== undefined && !order.includes(folder))).toEqual([]);
    const wrong = violations(compiled, ({ file }, target) => {
      if (target === 'src/errors.ts') return true;
      const [from, to] = [folderOf(file), folderOf(target)].map((folder) => order.indexOf(folder ?? ''));
      return to >= 0 && to <= from;
    });
    expect(wrong).toEqual([]);
  });

  it('of the two programs are from src, never of each other, and of the command line from all', () => {
    const wrong = [
      ...violations(coordinator, (_, target) => /^(src|coordinator)\//.test(target)),
      ...violations(worker, (_, target) => /^(src|worker)\//.test(target)),
      ...violations(cli, (_, target) => /^(src|cli|coordinator|worker)\//.test(target)),
    ];
    expect(cli.length).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  });

  it('are none of the command line, of scripts or of tests', () => {
    const users = [...compiled, ...cli, ...coordinator, ...worker, ...scripts];
    const wrong = violations(users, ({ file }, target) => {
      // Scripts start the program, as users do.
      const starts = file.startsWith('scripts/') && target === 'cli/main.ts';
      if (target.startsWith('cli/')) return file.startsWith('cli/') || starts;
      if (target.startsWith('scripts/')) return file.startsWith('scripts/');
      return !target.startsWith('test/');
    });
    expect(wrong).toEqual([]);
  });

  it('of what runs in each thread are of no package that only other parts need', () => {
    const loads = (text: string) =>
      [...text.matchAll(/^(?:import|export)\s+(?!type\b)(?:([^'"();]*?)\s+from\s+)?['"]([^'"]+)['"]/gm)]
        .filter(([, clause = '']) => !/^\{(?:\s*type\s+\w+,?)+\s*\}$/.test(clause))
        .map(([, , target]) => target);
    const seen = new Set<string>();
    const packages = new Set<string>();
    const visit = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const target of loads(readFileSync(join(packageRoot, file), 'utf8'))) {
        if (target.endsWith('.wasm')) continue;
        if (target.startsWith('.')) visit(posix.join(dirname(file), target).replace(/\.js$/, '.ts'));
        else if (!target.startsWith('node:')) packages.add(target.split('/')[0]);
      }
    };
    visit('src/pool/thread.ts');
    expect(seen.size).toBeGreaterThan(20);
    // Each thread takes time and memory for what it loads. The engine loads its library when it is made.
    expect([...packages]).toEqual(['pure-rand']);
  });

  it('of the library of schemas are of its one file', () => {
    const files = ['src', 'cli', 'coordinator', 'worker'].flatMap((folder) =>
      (readdirSync(join(buildFolder, folder), { recursive: true }) as string[])
        .filter((name) => name.endsWith('.js') && name !== 'zod.js')
        .map((name) => join(folder, name)),
    );
    const taken = files.map((file) => ({
      file,
      from: /from '((?:[./]*\/)?zod)(?:\.js)?'/.exec(readFileSync(join(buildFolder, file), 'utf8')),
    }));
    const found = taken.filter(({ from }) => from !== null);
    expect(found.length).toBeGreaterThan(20);
    expect(found.filter(({ from }) => from![1] === 'zod')).toEqual([]);
  });

  it('of WebSocket are its own, but where lines are chosen', () => {
    const room = 'src/wire/websocket/';
    const chosen = [`src/wire/transports.ts imports ${room}websocket.ts`];
    const users = [...compiled, ...cli, ...coordinator, ...worker].filter(({ file }) => !file.startsWith(room));
    expect(violations(users, (_, target) => !target.startsWith(room)).toSorted()).toEqual(chosen);
    expect(users.filter(({ imports }) => imports.some(({ target }) => target === 'ws'))).toEqual([]);
    const own = compiled.filter(({ text }) => text.includes("require('ws')")).map(({ file }) => file);
    expect(own.toSorted()).toEqual([`${room}accept.ts`, `${room}connect.ts`]);
  });

  it('are none in errors.ts', () => {
    expect(compiled.find(({ file }) => file === 'src/errors.ts')!.imports).toEqual([]);
  });

  it('go in no circle, of values or of types', () => {
    const source = (file: string, ...targets: string[]): Source => ({
      ...{ file, text: '', exports: [] },
      imports: targets.map((target) => ({ target })),
    });
    const [a, b, c, d] = [source('a', 'b', 'd'), source('b', 'c'), source('c', 'a', 'x'), source('d', 'c')];
    expect(circlesAmong([a, b, c])).toEqual(['c -> a -> b -> c']);
    expect(circlesAmong([b, c, d])).toEqual([]);
    expect(circlesAmong(everything)).toEqual([]);
  });
});

describe('exports', () => {
  it('are made where they are declared: no barrels', () => {
    const barrels = [...compiled, ...cli, ...coordinator, ...worker].filter(
      ({ file, text }) => /(^|\/)index\.ts$/.test(file) || /^export\s+\*/m.test(text),
    );
    expect(barrels.map(({ file }) => file)).toEqual([]);
    // The package's entry alone passes on what belongs to its signature.
    const passing = [...compiled, ...cli, ...coordinator, ...worker].filter(({ text }) =>
      /^export\s+(?:type\s+)?\{/m.test(text),
    );
    expect(passing.map(({ file }) => file)).toEqual(['coordinator/lockstep.ts']);
  });

  it('are imported somewhere, or are types of what the same file exports', () => {
    const imported = everything.flatMap(({ imports }) =>
      imports.flatMap(({ target, names }) => (names ?? []).map((name) => `${target} ${name}`)),
    );
    const used = new Set(imported);
    const isType = (text: string, name: string) => new RegExp(`^export (?:interface|type) ${name}\\b`, 'm').test(text);
    const mentions = (text: string, name: string) => text.match(new RegExp(`\\b${name}\\b`, 'g'))!.length;
    const dead = [...compiled, ...cli, ...coordinator, ...worker]
      .filter(({ file }) => file !== 'coordinator/lockstep.ts')
      .flatMap(({ file, text, exports }) =>
        exports
          .filter((name) => !used.has(`${file} ${name}`) && !(isType(text, name) && mentions(text, name) > 1))
          .map((name) => `${file} ${name}`),
      );
    expect(dead).toEqual([]);
  });

  it('have names of their own', () => {
    const places = new Map<string, string[]>();
    for (const { file, exports } of [...compiled, ...cli, ...coordinator, ...worker]) {
      for (const name of exports) places.set(name, [...(places.get(name) ?? []), file]);
    }
    expect(places.size).toBeGreaterThan(1500);
    const twice = [...places].filter(([, files]) => files.length > 1);
    expect(twice.map(([name, files]) => `${name}: ${files.join(' ')}`)).toEqual([]);
  });

  it('of the WebAssembly modules are in the interface of their loader', () => {
    const loader = compiled.find(({ file }) => file === 'src/kernels/load-kernels.ts')!.text;
    // What other files of the kernels import is theirs alone.
    const shared = assembly.flatMap(({ text }) =>
      [...text.matchAll(/^import \{([^}]*)\}/gm)].flatMap(([, names]) => names.split(',').map((name) => name.trim())),
    );
    const names = assembly.flatMap(({ exports }) => exports).filter((name) => !shared.includes(name));
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\(`).test(loader))).toEqual([]);
  });
});

/** Rooms whose files are named after what they belong to; beside them a name stands in one room only. */
const namesakes: readonly { readonly files: RegExp; readonly belongTo: string }[] = [
  { files: /^cli\/[\w-]+\.ts$/, belongTo: 'a command of the command line: to the function that it calls' },
  { files: /^src\/config\/[\w-]+\.ts$/, belongTo: 'a part of the config: to what it configures' },
  { files: /^src\/kernels\/assembly\/[\w-]+\.ts$/, belongTo: 'WebAssembly: to the operation that it computes' },
  {
    files: /^src\/data\/\w+\/(source|inputs|targets|fields|files|keys|rows)\.ts$/,
    belongTo: 'a part of a source of data: to the source, each of which has the same parts',
  },
];

describe('file names', () => {
  it('mean one thing', () => {
    const rooms = new Map<string, string[]>();
    for (const { file } of [...src, ...cli, ...coordinator, ...worker]) {
      if (namesakes.some(({ files }) => files.test(file))) continue;
      rooms.set(basename(file), [...(rooms.get(basename(file)) ?? []), file]);
    }
    const twice = [...rooms].filter(([, files]) => files.length > 1);
    expect(twice.map(([, files]) => files.join(' '))).toEqual([]);
  });

  it('that comments mention are those of files', () => {
    const files = [...everything, ...assembly].map(({ file }) => `/${file}`);
    const wrong = everything.flatMap(({ file, text }) =>
      [...text.matchAll(/^\s*\/?\*.*$|\/\/.*$/gm)]
        .flatMap(([comment]) => comment.match(/[\w./-]*\w\.ts\b/g) ?? [])
        .filter((name) => !files.some((known) => known.endsWith(`/${name}`)))
        .map((name) => `${file} mentions ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('names of types', () => {
  const declaration = /^(?:export )?(?:declare )?(?:abstract )?(?:class|enum|interface|type) (\w+)(.*)$/gm;
  const program = [...compiled, ...cli, ...coordinator, ...worker];
  const declared = program.flatMap(({ file, text }) =>
    [...text.matchAll(declaration)].map(([, name, rest]) => ({ file, name, rest })),
  );
  /** `type Layer = tfl.layers.Layer;`: an outside library's type by its own name, which means the same wherever it stands. */
  const isShort = ({ name, rest }: { name: string; rest: string }) =>
    new RegExp(`^ = (?:\\w+\\.)+${name};$`).test(rest);

  it('mean one thing', () => {
    expect(declared.length).toBeGreaterThan(800);
    const places = new Map<string, string[]>();
    for (const { name, file } of declared.filter((one) => !isShort(one))) {
      places.set(name, [...(places.get(name) ?? []), file]);
    }
    const short = new Set(declared.filter(isShort).map(({ name }) => name));
    const twice = [...places].filter(([name, files]) => files.length > 1 || short.has(name));
    expect(twice.map(([name, files]) => `${name}: ${files.join(' ')}`)).toEqual([]);
  });

  it("are none of the language's own", () => {
    const library = dirname(createRequire(import.meta.url).resolve('typescript6/lib/lib.es5.d.ts'));
    const own = readdirSync(library)
      .filter((file) => /^lib\.es\w*(?:\.\w+)?\.d\.ts$/.test(file))
      .flatMap((file) => [
        ...readFileSync(join(library, file), 'utf8').matchAll(/^(?:declare )?(?:class|interface|type|var) (\w+)/gm),
      ])
      .map(([, name]) => name);
    for (const name of ['Map', 'Partial', 'Record']) expect(own).toContain(name);
    expect(declared.filter(({ name }) => own.includes(name)).map(({ name, file }) => `${name}: ${file}`)).toEqual([]);
  });
});

describe('files and functions are short', () => {
  const program = [...compiled, ...cli, ...coordinator, ...worker, ...scripts].filter(
    // Made from the schema.
    ({ file }) => file !== 'src/config/input.ts',
  );

  it('files have at most 300 lines', () => {
    const lines = ({ text }: Source) => text.split('\n').length - 1;
    const long = program.filter((source) => lines(source) > 300);
    expect(long.map((source) => `${source.file} has ${lines(source)} lines`)).toEqual([]);
  });

  it('functions have at most 60', async () => {
    const functions = (await Promise.all(program.map(functionsIn))).flat();
    expect(functions.length).toBeGreaterThan(1000);
    const long = functions.filter(({ lines }) => !(lines <= 60));
    expect(long.map(({ at, lines }) => `${at} has ${lines} lines`)).toEqual([]);
  });
});
