/** What a worker tells whoever started it. */

export type WorkerProgramEvent =
  /** Tries to reach the coordinator; told at first, then about once a minute. Seconds: for how long, and until it gives up (0: never). */
  | {
      readonly event: 'connecting';
      readonly url: string;
      readonly reason: string | null;
      readonly seconds: number;
      readonly timeout: number;
    }
  | {
      readonly event: 'joined';
      readonly url: string;
      readonly id: number;
      readonly name: string;
      readonly threads: number;
    }
  | { readonly event: 'transfer'; readonly what: string; readonly bytes: number; readonly total: number }
  | { readonly event: 'data'; readonly from: 'memory' | 'cache' | 'own copy' | 'coordinator' | 'step by step' }
  | { readonly event: 'working'; readonly step: number }
  | { readonly event: 'lost'; readonly reason: string }
  | { readonly event: 'leaving'; readonly reason: string }
  | {
      readonly event: 'end';
      readonly reason: string;
      /** A run that is unfinished can be gone on with: it was stopped, or only this worker has left it. */
      readonly outcome: 'over' | 'unfinished';
      readonly steps: number;
      readonly seconds: number;
    }
  | { readonly event: 'warning'; readonly message: string }
  | { readonly event: 'error'; readonly code: string; readonly message: string; readonly remedy: string };

export type WorkerReporter = (event: WorkerProgramEvent) => void;
