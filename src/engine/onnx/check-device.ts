/** Whether the chosen device computes. */
import { EngineError } from '../../errors.js';
import { PrivateMemory } from '../private-memory.js';
import { reasonOf } from './library.js';
import { elementTypeCode, encodeModel, type OnnxNode } from './proto.js';
import { chosenProvider } from './providers.js';
import { createSession } from './runtime.js';

/** The nodes make y of x. @returns what they make of -1 and 2. @throws Error when the device does not compute them */
function computed(nodes: readonly OnnxNode[]): Float32Array {
  const port = (label: string) => ({ name: label, type: 'float32' as const, shape: [2] });
  const memory = new PrivateMemory([8, 8]);
  const [x, y] = [memory.floats(2), memory.floats(2)];
  x.set([-1, 2]);
  const session = createSession(encodeModel({ nodes, constants: [], inputs: [port('x')], outputs: [port('y')] }));
  try {
    session.bind({ x: { ...port('x'), data: x } }, { y: { ...port('y'), data: y } })();
  } finally {
    session.release();
  }
  return y;
}

/**
 * Runs a graph of one node on it.
 * @throws EngineError when the device does not load, or does not compute
 */
export function checkDevice(): void {
  const { name, remedy } = chosenProvider();
  let reason = 'it computes other numbers';
  try {
    const [negative, positive] = computed([{ op: 'Relu', inputs: ['x'], outputs: ['y'], attributes: {} }]);
    if (negative === 0 && positive === 2) return;
  } catch (error) {
    if (error instanceof EngineError) throw error;
    reason = reasonOf(error as Error);
  }
  throw new EngineError(`execution provider ${name} does not compute here (${reason})`, remedy);
}

/**
 * What is wrong where the chosen device has no float16; nothing on a processor, which rounds to it. Sessions that need it are made without it,
 * too, and then fail as they run.
 */
export function missingFloat16(): string | undefined {
  const { inPlace, name } = chosenProvider();
  if (inPlace || hasFloat16()) return undefined;
  return `training.precision: float16: the device that ${name} computes on has no float16`;
}

function hasFloat16(): boolean {
  const cast = (from: string, to: string, code: number) => ({
    op: 'Cast',
    inputs: [from],
    outputs: [to],
    attributes: { to: code },
  });
  try {
    const product = { op: 'Mul', inputs: ['half', 'half'], outputs: ['square'], attributes: {} };
    const [one, four] = computed([
      cast('x', 'half', elementTypeCode.float16),
      product,
      cast('square', 'y', elementTypeCode.float32),
    ]);
    return one === 1 && four === 4;
  } catch {
    return false;
  }
}
