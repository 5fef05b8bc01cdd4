/** Execution providers: what is chosen, and what is said of one that is not there. */
import { afterEach, expect, it } from 'vitest';
import { loadLibrary } from '../../src/engine/onnx/library.js';
import { chosenProvider, type ExecutionProvider, providers } from '../../src/engine/onnx/providers.js';
import { EngineError } from '../../src/errors.js';

afterEach(() => {
  delete process.env.LOCKSTEP_DEVICE;
});

it('is the processor unless LOCKSTEP_DEVICE names another', () => {
  expect(chosenProvider()).toBe(providers.cpu);
  process.env.LOCKSTEP_DEVICE = 'cpu';
  expect(chosenProvider()).toBe(providers.cpu);
  process.env.LOCKSTEP_DEVICE = 'cpi';
  expect(chosenProvider).toThrow(EngineError);
  expect(chosenProvider).toThrow(/LOCKSTEP_DEVICE: there is no device "cpi".*cpu/s);
});

it('is named where ONNX Runtime does not have it, with its reason', () => {
  const absent: ExecutionProvider = {
    name: 'NoSuchProvider',
    options: { device: '0' },
    inPlace: false,
    remedy: 'take another',
  };
  const library = loadLibrary();
  const session = () => library.session(new Uint8Array(), 1, true, absent);
  expect(session).toThrow(EngineError);
  expect(session).toThrow(/execution provider NoSuchProvider does not load here \(Unknown provider name/);
});
