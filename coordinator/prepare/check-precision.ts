/** Whether what was asked for, products in float16 or a device, can be had here. */
import type { RunConfig } from '../../src/config/run-config.js';
import type { Precision } from '../../src/config/training.js';
import { missingFloat16 } from '../../src/engine/onnx/check-device.js';
import { chosenProvider } from '../../src/engine/onnx/providers.js';
import { ConfigError } from '../../src/errors.js';

/**
 * @param warn told what it costs on a processor
 * @throws ConfigError when the chosen device has no float16
 */
export function checkPrecision(precision: Precision, warn: (message: string) => void): void {
  if (precision === 'float32') return;
  if (chosenProvider().inPlace) {
    warn(
      `training.precision: ${precision}: a processor rounds to it what products read and write, and computes them in float32, which is slower: ` +
        'good for trying out what a graphics card would train',
    );
    return;
  }
  const problem = missingFloat16();
  if (problem === undefined) return;
  throw new ConfigError(
    problem,
    'use --set training.precision=float32, a graphics card and driver that have it (shaderFloat16 and 16-bit storage of Vulkan), or --device cpu or auto, to try it out',
  );
}

/**
 * Before engine tfjs computes, in float32 and on the processor.
 * @param engine that was asked for
 * @param warn told that the chosen device is left idle
 * @throws ConfigError as it has float32 only
 */
export function checkEager(precision: Precision, engine: RunConfig['engine'], warn: (message: string) => void): void {
  const { inPlace, name } = chosenProvider();
  if (!inPlace)
    warn(`engine tfjs computes on the processor: ${name}, as --device has chosen, is for engine onnx alone`);
  if (precision === 'float32') return;
  const isAsked = engine === 'tfjs';
  throw new ConfigError(
    `training.precision: ${precision}: engine tfjs computes in float32, and this ${isAsked ? 'run' : 'model'} needs it`,
    `leave training.precision out${isAsked ? ', or use engine onnx' : ''}`,
  );
}
