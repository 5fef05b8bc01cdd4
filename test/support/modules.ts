/** Modules as users write them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @param name with its ending; Node remembers modules by name, so give each content its own */
export function writeModule(folder: string, name: string, ...lines: string[]): string {
  const file = join(folder, name);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

/** The message that a promise is rejected with. */
export async function refusalOf(promise: Promise<unknown>): Promise<{ error: unknown; message: string }> {
  try {
    await promise;
  } catch (error) {
    return { error, message: (error as Error).message };
  }
  throw new Error('nothing was refused');
}
