/** README.md and docs/: every config, command and program in them is one that works, and every link leads somewhere. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { calibrateCommand } from '../../cli/calibrate.js';
import { checkCommand } from '../../cli/check.js';
import { compareCommand } from '../../cli/compare.js';
import { coordinatorCommand } from '../../cli/coordinator.js';
import { dataCommand } from '../../cli/data.js';
import { doctorCommand } from '../../cli/doctor.js';
import { evaluateCommand } from '../../cli/evaluate.js';
import { explainCommand } from '../../cli/explain.js';
import { exportCommand } from '../../cli/export.js';
import { joinCommand } from '../../cli/join.js';
import { launchCommand } from '../../cli/launch.js';
import { predictCommand } from '../../cli/predict.js';
import { scaleCommand } from '../../cli/scale.js';
import { scoreCommand } from '../../cli/score.js';
import { trackCommand } from '../../cli/track.js';
import { trainCommand } from '../../cli/train.js';
import { uiCommand } from '../../cli/ui.js';
import { workerCommand } from '../../cli/worker.js';
import { defineConfig } from '../../src/config/define.js';
import { loadGate } from '../../src/config/gate.js';
import type { RunConfigInput } from '../../src/config/input.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import * as errors from '../../src/errors.js';
import { parseProjection } from '../../src/projection/parse.js';
import { temporaryFolder } from '../support/folder.js';
import { packageRoot } from '../support/package.js';
import { allPages, anchorsOf, type Block, blocksOf, headingsOf, linksOf, textOf, userPages } from '../support/pages.js';

const blocks = userPages.flatMap((page) => blocksOf(page));
const at = ({ page, line }: Block): string => `${page}, line ${line}`;
const packageJson = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
  [kind: string]: Record<string, string>;
};

describe('README.md', () => {
  it('is a page of at most 150 lines', () => {
    expect(textOf('README.md').split('\n').length).toBeLessThanOrEqual(151);
  });

  it('has the two commands', () => {
    const [commands] = blocksOf('README.md', '');
    expect(commands.text).toMatch(/^npm ci && npm start .*\nnpm cit .*\n$/);
  });

  it('names every page', () => {
    const named = ['README.md', ...linksOf('README.md').map((link) => link.split('#')[0])];
    // Those of a folder are named by its own index.
    const pages = allPages.filter((page) => !page.startsWith('docs/extending/') || page.endsWith('README.md'));
    expect(pages.filter((page) => !named.includes(page))).toEqual([]);
  });
});

describe('configs', () => {
  /** What a block that is a part of a config leaves out. */
  const rest: RunConfigInput = {
    data: { source: 'digits' },
    model: { layers: ['flatten', { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    training: { epochs: 1, batchSize: 32 },
  };

  const isGate = ({ text }: Block) => text.startsWith('# gate.yaml\n');
  /** Of another program. */
  const isForeign = ({ text }: Block) => text.startsWith('# prometheus.yml\n');
  const yaml = blocks.filter(({ language }) => language === 'yaml').map((block) => [at(block), block] as const);
  const folder = temporaryFolder();

  it.each(yaml.filter(([, block]) => isGate(block)))('%s: a gate', (_, { text }) => {
    const file = join(folder, 'gate.yaml');
    writeFileSync(file, text);
    expect(() => loadGate(file)).not.toThrow();
  });

  it.each(yaml.filter(([, block]) => !isGate(block) && !isForeign(block)))('%s', (_, { text }) => {
    const config = parse(text) as RunConfigInput;
    const training = { ...rest.training, ...config.training };
    expect(() => defineConfig({ ...rest, ...config, training })).not.toThrow();
  });
});

describe('commands', () => {
  const makers: readonly (() => Command)[] = [
    ...[trainCommand, coordinatorCommand, workerCommand, evaluateCommand, predictCommand, explainCommand],
    ...[
      calibrateCommand,
      compareCommand,
      checkCommand,
      scoreCommand,
      exportCommand,
      dataCommand,
      scaleCommand,
      doctorCommand,
      joinCommand,
      launchCommand,
      uiCommand,
      trackCommand,
    ],
  ];
  const lines = blocks
    .filter(({ language }) => language === '')
    .flatMap((block) => block.text.split('\n').map((line) => [at(block), line.replace(/(^| +)# .*/, '').trim()]))
    .concat(
      userPages.flatMap((page) =>
        [...textOf(page).matchAll(/`((?:npx )?lockstep \w[^`<]*|npm run [^`]*)`/g)].map((found) => [page, found[1]]),
      ),
    )
    .filter(([, line]) => line !== '' && !/^lockstep (\w+)( (data|texts|boxes|series))?$/.test(line));

  it.each(lines)('%s: %s', (_, line) => {
    for (const command of line.split(' && ')) check(launched(wordsOf(command)));
  });

  function check([program, ...args]: readonly string[]): void {
    if (program === 'npm') {
      checkScript(args);
      return;
    }
    if (program === 'node') {
      expect([args[0], existsSync(join(packageRoot, args[0]))]).toEqual([args[0], true]);
      return;
    }
    if (program === 'curl') return;
    const [name, ...given] = program === 'npx' ? args.slice(1) : args;
    expect([program, 'lockstep']).toContain(program === 'npx' ? args[0] : program);
    const command = makers.map((make) => make()).find((one) => one.name() === name)!;
    expect([name, command === undefined]).toEqual([name, false]);
    const asked: { config?: string; set?: readonly string[]; project?: string } = {};
    for (const one of [command, ...command.commands]) {
      one.exitOverride().configureOutput({ writeErr: () => {} });
      one.action(() => {
        const takesConfig = one.registeredArguments[0]?.name() === 'config';
        Object.assign(asked, one.opts(), takesConfig && { config: one.args[0] });
      });
    }
    command.parse(given.map(withoutDevice), { from: 'user' });
    // A config that comes with the package has what --set changes.
    const [shipped] = /configs\/[\w-]+\.yaml$/.exec(asked.config ?? '') ?? [];
    if (shipped) expect(() => loadRunConfig(join(packageRoot, shipped), asked.set)).not.toThrow();
    if (asked.project) expect(() => parseProjection(asked.project!)).not.toThrow();
  }

  function checkScript([verb, name]: readonly string[]): void {
    if (verb === 'run') expect(Object.keys(packageJson.scripts)).toContain(name);
    else expect(['ci', 'cit', 'start', 'pack', 'install']).toContain(verb);
  }
});

/** Commands are read and not run: no graphics card is looked for. */
const withoutDevice = (word: string, i: number, words: readonly string[]): string =>
  words[i - 1] === '--device' ? 'cpu' : word;

/** Without who starts it as a rank, and without variables for it. */
function launched(words: readonly string[]): readonly string[] {
  if (!/^(srun|mpirun|\w+=)/.test(words[0])) return words;
  const file = words.indexOf('node_modules/.bin/lockstep');
  return file < 0 ? words.slice(words.indexOf('npx')) : ['npx', 'lockstep', ...words.slice(file + 1)];
}

/** The words of a command line, as a shell has them. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);

describe('links', () => {
  it.each(allPages)('%s leads to files and headings that are there', (page) => {
    const dead = linksOf(page).filter((link) => {
      if (/^https:/.test(link)) return false;
      const [path, anchor] = link.split('#');
      const target = path === '' ? page : posix.join(dirname(page), path);
      if (!existsSync(join(packageRoot, target))) return true;
      return anchor !== undefined && !anchorsOf(target).includes(anchor);
    });
    expect(dead).toEqual([]);
  });
});

describe('docs/troubleshooting.md', () => {
  it('has a section for each code of src/errors.ts, and no other', () => {
    const codes = Object.values(errors)
      .filter((kind) => kind !== errors.LockstepError)
      .map((kind) => new (kind as typeof errors.ConfigError)('', '').code);
    expect(headingsOf('docs/troubleshooting.md', 2).toSorted()).toEqual([...new Set(codes)].toSorted());
  });
});

describe('docs/dependencies.md', () => {
  it('says why each package is there', () => {
    const { dependencies, optionalDependencies, devDependencies } = packageJson;
    const named = [...textOf('docs/dependencies.md').matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    const all = Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies });
    const missing = all.filter((name) => !named.includes(name) && !named.includes(name.replace('@tensorflow/', '')));
    expect(missing.filter((name) => !name.startsWith('@types/'))).toEqual([]);
  });
});
