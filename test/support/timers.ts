/** Timers that some code has started: those of others in the process come and go, so that counting all of them tells nothing. */
import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { onTestFinished } from 'vitest';

/**
 * Watches until the test has ended what is started by it and by all that it sets going, in code of some files.
 * @param by matches the path of a file of the code
 * @returns tells the timers and immediates that hold the process: where each was started
 */
export function timersStarted(by: RegExp): () => string[] {
  const started = new Map<number, { readonly timer: NodeJS.Timeout; readonly stack: string }>();
  // Tests of other files may have left somebody in this process who still waits for others.
  const ofTest = new AsyncLocalStorage<boolean>();
  ofTest.enterWith(true);
  const hook = createHook({
    init(id, type, _, timer) {
      if ((type !== 'Timeout' && type !== 'Immediate') || !ofTest.getStore()) return;
      const { stack = '' } = new Error(type);
      if (by.test(stack)) started.set(id, { timer: timer as NodeJS.Timeout, stack });
    },
    destroy: (id) => started.delete(id),
  }).enable();
  onTestFinished(() => {
    hook.disable();
    ofTest.disable();
  });
  return () => [...started.values()].filter(({ timer }) => timer.hasRef()).map(({ stack }) => stack);
}
