/** The parts of the parameters that a pool's rounds exchange in turn. */
import { partsOf } from '../reduce/parts.js';
import type { ParameterRange } from '../reduce/shares.js';
import type { MemberPoolOptions } from './pool-options.js';

/** undefined where each exchanges all. */
export function runParts(options: MemberPoolOptions): readonly (readonly ParameterRange[])[] | undefined {
  const parts = options.use === 'rounds' ? options.local?.parts : options.parts;
  return parts === undefined ? undefined : partsOf(options.layout, parts);
}
