/** Options of all commands: one name is one option, in the same words and read in the same way, whatever command has it. */
import type { Command, Option } from 'commander';
import { beforeAll, expect, it } from 'vitest';
import { goOnBy } from '../../cli/go-on.js';
import { loaders } from '../../cli/program.js';
import { sourcesIn } from '../support/sources.js';

/** Names that mean something else in these commands than in others: each could have no other name in its field. */
const ownMeaning: Readonly<Record<string, readonly string[]>> = {
  '--baseline': ['explain'],
  '--config': ['worker'],
  '--coordinator': ['ssh'],
  '--dir': ['data'],
  '--kind': ['kubernetes'],
  '--method': ['explain'],
  '--metric': ['texts'],
  '--name': ['kubernetes'],
  '--output': ['export'],
  '--port': ['ui'],
  '--repeats': ['scale'],
  '--steps': ['explain', 'scale'],
  '--timeout': ['coordinator'],
  '--token': ['ui'],
  '--top': ['explain'],
};

let commands: Command[];
beforeAll(async () => {
  const found = await Promise.all(Object.values(loaders).map((load) => load()));
  commands = found.flatMap((command) => [command, ...command.commands]);
});

const saidOf = ({ flags, description, parseArg, argChoices, mandatory, defaultValue }: Option) => ({
  flags,
  description,
  parser: String(parseArg),
  choices: argChoices,
  mandatory,
  defaultValue,
});

/** What is said of an option, by its name: the different ways, each with its commands. */
function waysOf(): Map<string, Map<string, string[]>> {
  const ways = new Map<string, Map<string, string[]>>();
  for (const command of commands) {
    for (const option of command.options) {
      const said = JSON.stringify(saidOf(option));
      const own = ways.get(option.long!) ?? new Map<string, string[]>();
      ways.set(option.long!, own.set(said, [...(own.get(said) ?? []), command.name()]));
    }
  }
  return ways;
}

it('says the same of an option in every command that has it', () => {
  const ways = waysOf();
  expect(ways.get('--json')?.values().next().value?.length).toBeGreaterThan(10);
  const apart = [...ways].flatMap(([name, said]) => {
    const shared = [...said.entries()].filter(([, of]) => !of.some((command) => ownMeaning[name]?.includes(command)));
    return shared.length > 1 ? [{ name, said: shared }] : [];
  });
  expect(apart).toEqual([]);
});

it('knows which names have two meanings', () => {
  const ways = waysOf();
  for (const [name, own] of Object.entries(ownMeaning)) {
    for (const command of own) {
      const said = [...(ways.get(name) ?? [])].filter(([, of]) => of.includes(command));
      expect([name, command, said.map(([, of]) => of)]).toEqual([name, command, [[command]]]);
    }
    expect([name, (ways.get(name)?.size ?? 0) > own.length]).toEqual([name, true]);
  }
});

it('says the same of an argument in every command that has it', () => {
  const said = new Map<string, Set<string>>();
  for (const { registeredArguments } of commands) {
    for (const argument of registeredArguments) {
      const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
      said.set(name, (said.get(name) ?? new Set()).add(argument.description));
    }
  }
  for (const name of ['config', 'run|model']) expect([name, said.get(name)?.size]).toEqual([name, 1]);
});

it('shows no default of options that may be given several times', () => {
  const texts = commands.map((command) => command.helpInformation());
  expect(texts.filter((text) => text.includes('[]'))).toEqual([]);
});

/** What a user is to type is typed behind npx, which finds it; a comment, or a command's name in a sentence, is not typed. */
it('names commands as they are typed', () => {
  const bare = /(?<!npx (?:--no -- )?|bin\/)\blockstep (?:[a-z]+ )+(?:--|\$\{|[A-Z]{2}|[\w/]+\.(?:yaml|csv)\b)/;
  const found = ['src', 'coordinator', 'worker', 'cli']
    .flatMap(sourcesIn)
    .flatMap(({ file, text }) =>
      text
        .split('\n')
        .flatMap((line) => (!/^\s*(?:\/?\*|\/\/)/.test(line) && bare.test(line) ? [`${file}: ${line}`] : [])),
    );
  expect(found).toEqual([]);
});

it('goes on with a run as it was begun, without what its folder has', () => {
  const coordinator = commands.find((command) => command.name() === 'coordinator')!;
  const given = 'c.yaml --threads 0 --min-workers 2 --host 0.0.0.0 --port 1 --token t --set a=1 --steps 9 --out o --ui';
  coordinator.parseOptions(given.split(' '));
  const line = goOnBy(coordinator)('my runs/a-1');
  const run = process.platform === 'win32' ? '"my runs/a-1"' : "'my runs/a-1'";
  expect(line).toBe(`npx lockstep coordinator --resume ${run} --min-workers 2 --ui --threads 0`);
});
