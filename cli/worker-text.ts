/** A worker's events in words. */

import { bytesText, duration, grouped, plural } from '../src/ground/units.js';
import type { WorkerProgramEvent } from '../worker/worker-events.js';

/** Longest silence while data come, in milliseconds. */
const SILENCE = 10_000;
let spoke = 0;

/** A line; nothing for what is not worth one. */
export function workerLine(event: WorkerProgramEvent): string {
  switch (event.event) {
    case 'connecting':
      return waitingLine(event);
    case 'joined':
      return `joined ${event.url} as worker ${event.id}, ${event.name}, ${plural(event.threads, 'thread')}\n`;
    case 'transfer':
      return transferLine(event.bytes, event.total);
    case 'data':
      return `data: ${event.from === 'coordinator' ? 'received' : `from ${source[event.from]}`}\n`;
    case 'working':
      return `working from step ${grouped(event.step)}\n`;
    case 'lost':
      return `lost the coordinator: ${event.reason}\n`;
    case 'leaving':
      return `leaving ${event.reason}\n`;
    case 'end':
      return `${event.reason}: took part in ${plural(event.steps, 'step')}, ${duration(event.seconds)}\n`;
    case 'warning':
      return `warning: ${event.message}\n`;
    case 'error':
      return `error: ${event.message}\nremedy: ${event.remedy}\n${event.code}\n`;
  }
}

const source = {
  memory: 'memory',
  cache: 'the cache',
  'own copy': 'its own copy',
  'step by step': 'the coordinator, step by step',
};

function waitingLine({ url, reason, seconds, timeout }: Extract<WorkerProgramEvent, { event: 'connecting' }>): string {
  const still = seconds === 0 ? '' : `, for ${duration(seconds)} by now`;
  const until = timeout === 0 ? '' : `; gives up after ${duration(timeout)} (--timeout)`;
  // Reasons say to where, for whoever reads them alone.
  const place = url.replace(/^\w+:\/\//, '').replace(/\/$/, '');
  const why = reason === null ? '' : `: ${reason.replaceAll(` to ${place}`, '')}`;
  return `waiting for the coordinator at ${url}${still}${why}${until}\n`;
}

/** How much comes, and a sign of life where that takes long; that all is here has a line of its own. */
function transferLine(bytes: number, total: number): string {
  if (bytes > 0 && (bytes === total || Date.now() - spoke < SILENCE)) return '';
  spoke = Date.now();
  return `receiving data: ${bytes > 0 ? `${bytesText(bytes)} of ` : ''}${bytesText(total)}\n`;
}
