/**
 * Execution providers of ONNX Runtime: the hardware, or the library, on which a session computes. A new one is an entry here.
 * Each has its own rounding: all workers of a run need the same one, which the fingerprint that they show as they join tells.
 */
import { EngineError } from '../../errors.js';
import { oneOf } from '../../ground/suggest.js';

/** What ONNX Runtime is asked to append to a session's options, before its own provider for processors. */
export interface ExecutionProvider {
  /** As SessionOptionsAppendExecutionProvider knows it. */
  readonly name: string;
  /** Its options: strings, all of them. */
  readonly options: Readonly<Record<string, string>>;
}

/** By what LOCKSTEP_PROVIDER calls them. */
export const providers: Readonly<Record<string, ExecutionProvider>> = {
  cpu: { name: 'CPU', options: {} },
};

/** What sessions of this process compute on. It is no key of the config: it is where a run is computed, not what. */
export function chosenProvider(): ExecutionProvider {
  const chosen = process.env.LOCKSTEP_PROVIDER ?? 'cpu';
  if (Object.hasOwn(providers, chosen)) return providers[chosen];
  throw new EngineError(
    `LOCKSTEP_PROVIDER: there is no execution provider ${JSON.stringify(chosen)}`,
    oneOf(chosen, Object.keys(providers)),
  );
}
