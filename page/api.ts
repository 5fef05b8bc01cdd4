/** What the server tells, and how it is asked. */
import { printable, printableDeep } from '../src/ground/printable';

export interface Summary {
  readonly state: string;
  readonly step: number;
  readonly epoch: number;
  readonly epochs: number | null;
  readonly best: { readonly metric: string; readonly value: number | null; readonly epoch: number } | null;
}

/** Whether a process trains a run in this state, which can be asked to stop. */
export const isTrained = (state: string | undefined): boolean => state === 'running' || state === 'waiting';

export interface Run {
  readonly name: string;
  readonly changed: number;
  readonly summary: Summary | null;
  readonly differences: Readonly<Record<string, string>>;
}

export interface Runs {
  readonly folder: string;
  readonly keys: readonly string[];
  readonly runs: readonly Run[];
  readonly reports: readonly string[];
}

type Value = number | null;

export interface Curve {
  readonly step: readonly number[];
  readonly time: readonly Value[];
  readonly series: Readonly<Record<string, readonly Value[]>>;
  readonly notFinite: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly started: Value;
  readonly batchSize: Value;
  /** Of the run, as its line in the list has it. */
  readonly summary: Summary | null;
  readonly epochs: readonly {
    readonly epoch: number;
    readonly step: number;
    readonly time: Value;
    readonly loss: Value;
    readonly validation: Readonly<Record<string, Value>>;
  }[];
}

export interface WorkerRow {
  readonly name: string;
  readonly address: string;
  readonly threads: number;
  readonly state: string;
  readonly examplesPerSecond: Value;
  readonly share: number;
  readonly roundTrip: Value;
  readonly computeSeconds?: number;
  readonly exchangeSeconds?: number;
  readonly updateSeconds?: number;
}

/** An event of a run as events.jsonl has it. */
export type LogEvent = Readonly<Record<string, unknown>>;

export interface Details {
  readonly events: readonly LogEvent[];
  readonly checkpoints: readonly { readonly name: string; readonly bytes: number; readonly time: number }[];
  readonly world: { readonly time: number; readonly workers: readonly WorkerRow[] } | null;
  readonly config: string;
  /** What goes on with it where it was interrupted. */
  readonly goOn: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly reports: readonly string[];
}

/** The server wants the token. */
export class TokenWanted extends Error {}

const tokenKey = 'lockstep-token';
let token = sessionStorage.getItem(tokenKey) ?? '';

/** Takes the token out of the address, where it would be seen, and shows it to the server once, which remembers this browser. */
export async function arrive(): Promise<void> {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given !== null) {
    history.replaceState(null, '', location.pathname);
    await useToken(given);
  } else if (token !== '') await useToken(token);
}

export const hasToken = (): boolean => token !== '';

/** @returns whether it is the right one */
export async function useToken(given: string): Promise<boolean> {
  const { ok } = await fetch('/api/session', { method: 'POST', headers: { authorization: `Bearer ${given}` } });
  token = ok ? given : '';
  sessionStorage.setItem(tokenKey, token);
  return ok;
}

async function get<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
  const response = await fetch(`${path}?${new URLSearchParams(query)}`);
  if (response.status === 401) throw new TokenWanted();
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json() as Promise<T>;
}

export const getRuns = (): Promise<Runs> => get('/api/runs');

/** Names of reports are what they are asked for by; all else is only shown. */
export async function getDetails(run: string): Promise<Details> {
  const { reports, config, ...details } = await get<Details>('/api/run', { run });
  return { ...printableDeep(details), reports, config: printable(config, '\n\t') };
}

/** @param range first and last step; all where it is left out */
export const getCurve = (run: string, range?: readonly [number, number]): Promise<Curve> =>
  get('/api/curve', { run, points: '1600', ...(range && { from: String(range[0]), to: String(range[1]) }) });

/** @returns what is wrong; undefined where it was asked for */
export async function act(run: string, what: 'stop' | 'checkpoint'): Promise<string | undefined> {
  const query = new URLSearchParams({ run });
  const response = await fetch(`/api/${what}?${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  if (response.ok) return undefined;
  const answer = (await response.json().catch(() => ({}))) as { problem?: string };
  return answer.problem ?? `the server says ${response.status}`;
}
