/** What a hook is and is told. */

export type HookName = 'end' | 'divergence' | 'workerLost' | 'best';

/** What to call: a URL that begins with http:// or https://, or a command for the system's shell. */
export type Hooks = { readonly [name in HookName]?: string } & { readonly timeout: number };

/** What a hook is told: a line of JSON, as a program's standard input or the body of a POST. */
export interface HookCall {
  readonly name: HookName;
  /** The run's folder. */
  readonly folder: string;
  readonly json: string;
  /** Ends it. */
  readonly signal: AbortSignal;
}
