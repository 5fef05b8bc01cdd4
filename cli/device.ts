/** `--device`: on what engine onnx computes in this process. */
import { join } from 'node:path';
import { type Command, CommanderError } from 'commander';
import { chooseProvider, chosenProvider } from '../src/engine/onnx/providers.js';
import { LockstepError } from '../src/errors.js';
import { configName } from '../src/report/run-folder.js';
import { reportMistakes } from './outcome.js';

/** Chooses before a command's action, which may start threads: they inherit the choice. A device that is not there ends the command. */
export async function beforeAction(command: Command): Promise<void> {
  const { device, json } = command.opts<{ device?: string; json?: boolean }>();
  if (device === undefined) return;
  // What there is here says nothing of where launched ranks compute.
  const isElsewhere = command.parent?.name() === 'launch';
  await reportMistakes(json, async (warn) => {
    if (!isElsewhere) await useDevice(device, warn);
    else if (device !== 'auto') chooseProvider(device);
  });
  if (process.exitCode) throw new CommanderError(Number(process.exitCode), 'lockstep.device', device);
}

/**
 * Before a command trains: the card that `auto` has taken may lack what the run asks for, and a processor never does.
 * What is wrong with the config, the command itself tells.
 */
export async function beforeTraining(command: Command): Promise<void> {
  const { device, json } = command.opts<{ device?: string; json?: boolean }>();
  if (device !== 'auto' || chosenProvider().inPlace || !(await asksForFloat16(command))) return;
  const { missingFloat16 } = await import('../src/engine/onnx/check-device.js');
  const problem = missingFloat16();
  if (problem === undefined) return;
  chooseProvider('cpu');
  await reportMistakes(json, async (warn) =>
    warn(`--device auto takes the processor: ${problem}; --set training.precision=float32 trains on it`),
  );
}

async function asksForFloat16(command: Command): Promise<boolean> {
  const { resume, set } = command.opts<{ resume?: string; set?: readonly string[] }>();
  const file = resume === undefined ? command.args[0] : join(resume, configName);
  if (file === undefined) return false;
  const { loadRunConfig } = await import('../src/config/load-config.js');
  try {
    return loadRunConfig(file, set).training.precision === 'float16';
  } catch (error) {
    if (error instanceof LockstepError) return false;
    throw error;
  }
}

/**
 * `auto` takes a graphics card where one computes, and says why where none does.
 * @throws EngineError when there is no device of that name, or it computes nothing here
 */
async function useDevice(device: string, warn: (message: string) => void): Promise<void> {
  const isAuto = device === 'auto';
  const wanted = isAuto ? 'webgpu' : device;
  chooseProvider(wanted);
  if (wanted === 'cpu') return;
  // Late: most commands compute nothing.
  const { checkDevice } = await import('../src/engine/onnx/check-device.js');
  try {
    checkDevice();
  } catch (error) {
    if (!isAuto || !(error instanceof LockstepError)) throw error;
    chooseProvider('cpu');
    warn(`--device auto takes the processor: ${error.problem}`);
  }
}
