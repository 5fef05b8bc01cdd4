/** `--device`: on what engine onnx computes in this process. */
import { type Command, CommanderError } from 'commander';
import { chooseProvider } from '../src/engine/onnx/providers.js';
import { LockstepError } from '../src/errors.js';
import { reportMistakes } from './outcome.js';

/** Chooses before a command's action, which may start threads: they inherit the choice. A device that is not there ends the command. */
export async function beforeAction(command: Command): Promise<void> {
  const { device, json } = command.opts<{ device?: string; json?: boolean }>();
  if (device === undefined) return;
  await reportMistakes(json, (warn) => useDevice(device, warn));
  if (process.exitCode) throw new CommanderError(Number(process.exitCode), 'lockstep.device', device);
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
