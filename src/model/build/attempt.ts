/** What tfjs throws while a model is built, as a mistake in the config. */
import { ModelError } from '../../errors.js';
import { Misuse } from '../attention/weighted-layer.js';
import { remedyForName } from './choices.js';

/** Runs `action`. @param where the layer, for messages @throws ModelError where tfjs throws */
export function attempt<T>(where: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof ModelError) throw error;
    if (error instanceof Misuse) throw new ModelError(`${where}: ${error.message}`, error.remedy);
    const remedy = remedyForName(error) ?? 'check the layer, its options and the shape it is given';
    throw new ModelError(`${where}: ${reasonOf(error)}`, remedy);
  }
}

/** What tfjs complains of, without its guesses at the cause. */
function reasonOf(error: unknown): string {
  const { message } = error as Error;
  // tfjs does not check all options: those of a wrong type end in a TypeError somewhere inside.
  if (error instanceof TypeError) return `the options are not those that the layer takes (${message})`;
  return message.replace(/ This may be due to.*| Input received: .*/s, '').replace(/\.$/, '');
}
