/** A hook that is a URL. */
import type { HookCall } from './hook-call.js';

/** @throws Error where it was not taken */
export async function postTo(url: string, { json, signal }: HookCall): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: json, redirect: 'error', signal }).catch(
    (error: Error) => {
      throw new Error(error.cause instanceof Error ? error.cause.message : error.message);
    },
  );
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the answer was ${response.status} ${response.statusText}`);
}
