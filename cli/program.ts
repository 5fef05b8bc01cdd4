/** The command line: which commands there are, and what a mistake in calling one ends with. */
import { Command, CommanderError } from 'commander';
import { ownVersion } from '../src/ground/own-version.js';
import { printableLines } from '../src/ground/printable.js';
import { terminalColumns, wrapHelp, wrapLines } from '../src/report/wrap.js';

/** Only the command that is asked for is loaded; for help, all of them. */
export const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  train: async () => (await import('./train.js')).trainCommand(),
  coordinator: async () => (await import('./coordinator.js')).coordinatorCommand(),
  worker: async () => (await import('./worker.js')).workerCommand(),
  join: async () => (await import('./join.js')).joinCommand(),
  launch: async () => (await import('./launch.js')).launchCommand(),
  evaluate: async () => (await import('./evaluate.js')).evaluateCommand(),
  compare: async () => (await import('./compare.js')).compareCommand(),
  check: async () => (await import('./check.js')).checkCommand(),
  calibrate: async () => (await import('./calibrate.js')).calibrateCommand(),
  predict: async () => (await import('./predict.js')).predictCommand(),
  score: async () => (await import('./score.js')).scoreCommand(),
  explain: async () => (await import('./explain.js')).explainCommand(),
  export: async () => (await import('./export.js')).exportCommand(),
  data: async () => (await import('./data.js')).dataCommand(),
  track: async () => (await import('./track.js')).trackCommand(),
  scale: async () => (await import('./scale.js')).scaleCommand(),
  ui: async () => (await import('./ui.js')).uiCommand(),
  doctor: async () => (await import('./doctor.js')).doctorCommand(),
};

/**
 * Runs one command and sets `process.exitCode`.
 * @param args what follows `lockstep`
 */
export async function runProgram(args: readonly string[]): Promise<void> {
  const program = new Command('lockstep')
    .description('Distributed data-parallel training for TensorFlow.js.')
    .version(ownVersion)
    .exitOverride()
    .configureOutput({
      getOutHelpWidth: () => helpColumns(process.stdout),
      getErrHelpWidth: () => helpColumns(process.stderr),
      writeOut: (text) => process.stdout.write(wrapHelp(text, terminalColumns(process.stdout))),
      writeErr: (text) => process.stderr.write(wrapHelp(printableLines(text), terminalColumns(process.stderr))),
    })
    .showHelpAfterError('(npx lockstep --help shows the commands, npx lockstep train --help the options of one)');
  const name = args[0] ?? '';
  const wanted = Object.hasOwn(loaders, name) ? [loaders[name]] : Object.values(loaders);
  for (const load of wanted) {
    const command = settled(await load(), program, 'npx lockstep');
    for (const inner of command.commands) settled(inner, program, `npx lockstep ${command.name()}`);
    program.addCommand(command);
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.unknownOption') await hint(program, args, error.message);
    // commander has printed what is wrong; help and version are no errors.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}

/** As wide as options are shown; 80, commander's own, where lines may have any length. */
function helpColumns(stream: NodeJS.WriteStream): number {
  const columns = terminalColumns(stream);
  return columns === Number.POSITIVE_INFINITY ? 80 : columns;
}

/** Keys of configs are no options, but some are looked for among them. */
async function hint(program: Command, args: readonly string[], message: string): Promise<void> {
  const command = commandOf(program, args);
  if (!command.options.some(({ long }) => long === '--set')) return;
  const unknown = args.find((arg) => message.includes(`'${arg}'`))!;
  const { optionHint } = await import('./option-hint.js');
  process.stderr.write(wrapLines(printableLines(optionHint(args, unknown)), terminalColumns(process.stderr)));
}

function commandOf(above: Command, [name, ...rest]: readonly string[]): Command {
  const command = above.commands.find((each) => each.name() === name);
  return command === undefined ? above : commandOf(command, rest);
}

/** A command as all are. @param parent what is typed before its name */
const settled = (command: Command, program: Command, parent: string): Command =>
  command
    .exitOverride()
    .copyInheritedSettings(program)
    .showHelpAfterError(`(${parent} ${command.name()} --help shows its options)`);
