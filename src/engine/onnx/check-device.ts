/** Whether the chosen device computes. */
import { EngineError } from '../../errors.js';
import { PrivateMemory } from '../private-memory.js';
import { reasonOf } from './library.js';
import { encodeModel } from './proto.js';
import { chosenProvider } from './providers.js';
import { createSession } from './runtime.js';

/**
 * Runs a graph of one node on it.
 * @throws EngineError when the device does not load, or does not compute
 */
export function checkDevice(): void {
  const { name, remedy } = chosenProvider();
  const port = (label: string) => ({ name: label, type: 'float32' as const, shape: [2] });
  const graph = { nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'], attributes: {} }], constants: [] };
  const memory = new PrivateMemory([8, 8]);
  const [x, y] = [memory.floats(2), memory.floats(2)];
  x.set([-1, 2]);
  let reason = 'it computes other numbers';
  try {
    const session = createSession(encodeModel({ ...graph, inputs: [port('x')], outputs: [port('y')] }));
    session.bind({ x: { ...port('x'), data: x } }, { y: { ...port('y'), data: y } })();
    session.release();
    if (y[0] === 0 && y[1] === 2) return;
  } catch (error) {
    if (error instanceof EngineError) throw error;
    reason = reasonOf(error as Error);
  }
  throw new EngineError(`execution provider ${name} does not compute here (${reason})`, remedy);
}
