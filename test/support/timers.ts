/** Timers that some code has started: those of others in the process come and go, so that counting all of them tells nothing. */
import { createHook } from 'node:async_hooks';
import { onTestFinished } from 'vitest';

/**
 * Watches until the test has ended. @param by matches the path of a file of the code
 * @returns tells the timers and immediates that hold the process and were started from now on: where each was
 */
export function timersStarted(by: RegExp): () => string[] {
  const started = new Map<number, { readonly timer: NodeJS.Timeout; readonly stack: string }>();
  const hook = createHook({
    init(id, type, _, timer) {
      if (type !== 'Timeout' && type !== 'Immediate') return;
      const { stack = '' } = new Error(type);
      if (by.test(stack)) started.set(id, { timer: timer as NodeJS.Timeout, stack });
    },
    destroy: (id) => started.delete(id),
  }).enable();
  onTestFinished(() => void hook.disable());
  return () => [...started.values()].filter(({ timer }) => timer.hasRef()).map(({ stack }) => stack);
}
