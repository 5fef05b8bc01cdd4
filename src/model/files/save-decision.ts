/** Puts how classes are read into the encoding.json of a saved model, or takes it out. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isPlain } from '../../data/field.js';
import { writeFileAtomically } from '../../ground/atomic-file.js';
import type { Decision } from '../../metrics/class-probabilities.js';
import { encodingFile } from './save.js';

/** A target, and how its classes are read; as the outputs have them where it is empty. */
export interface TargetDecision {
  readonly target: string;
  readonly decision: Decision;
}

interface Target {
  decision?: Decision;
}

/**
 * All else in the file stays, also what a newer version wrote there.
 * @param folder of a model with an encoding.json that was read before
 * @throws OutputError when it cannot be written
 */
export function saveDecisions(folder: string, decisions: readonly TargetDecision[]): void {
  const file = join(folder, encodingFile);
  const encoding = JSON.parse(readFileSync(file, 'utf8')) as Target & { named?: Record<string, Target> };
  for (const { target, decision } of decisions) {
    const named = (): Target => {
      encoding.named ??= {};
      encoding.named[target] ??= {};
      return encoding.named[target];
    };
    const own = isPlain({ name: target, role: 'target' }) ? encoding : named();
    own.decision = Object.keys(decision).length > 0 ? decision : undefined;
  }
  writeFileAtomically(file, `${JSON.stringify(encoding)}\n`);
}
