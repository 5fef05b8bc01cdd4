/** What the page asks for, by path. */
import { statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { metricsName } from '../report/metrics-log.js';
import { isBeingTrained } from '../report/run-lock.js';
import { type AskedOfRun, requestOf } from '../report/run-request.js';
import { CurveCache } from './curve-columns.js';
import { type ChangeKind, EventStreams } from './event-streams.js';
import { reportPolicy } from './page-files.js';
import { runDetails } from './run-details.js';
import { RunList } from './run-list.js';
import { ReportPages, reportsIn } from './stored-reports.js';

/** Rows of curves that are kept in memory: 48 bytes each. */
const mostRows = 600_000;
const mostPoints = 4000;
/** Milliseconds between two looks at the files, and how many of them make one at curves: to draw them takes from the run. */
const interval = 500;
const looksACurve = 10;

export class RunRoutes {
  readonly #runs: RunList;
  readonly #curves = new CurveCache(mostRows);
  readonly #streams = new EventStreams();
  readonly #reports = new ReportPages();
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;
  #looks = 0;
  #written: number | undefined;

  constructor(folder: string) {
    this.#runs = new RunList(folder);
    this.#timer = setInterval(() => void this.#look(), interval).unref();
  }

  /** Answers a request that changes nothing. */
  async read(path: string, query: URLSearchParams, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (path === '/api/events') {
      // Whoever looks first has not waited for the others to be summed up.
      return this.#streams.accept(request, response);
    }
    if (path === '/api/runs') {
      return json(response, { folder: this.#runs.folder, ...this.#runs.list(), reports: reportsIn(this.#runs.folder) });
    }
    if (path === '/api/report' && query.get('run') === '') {
      return this.#report(this.#runs.folder, query, request, response);
    }
    const folder = this.#runs.folderOf(query.get('run') ?? '');
    if (folder === undefined) return nothing(response);
    switch (path) {
      case '/api/curve': {
        const columns = await this.#curves.of(join(folder, metricsName));
        const range = [numberOf(query, 'from', 0), numberOf(query, 'to', Number.MAX_SAFE_INTEGER)] as const;
        const points = Math.min(mostPoints, Math.max(3, numberOf(query, 'points', 800)));
        const run = await this.#runs.lookedAt(query.get('run')!);
        const batchSize = Number(run?.config.get('training.batchSize') ?? Number.NaN);
        return json(response, {
          ...columns.draw(range, points),
          batchSize: Number.isFinite(batchSize) ? batchSize : null,
          // So that a page that draws it need not ask for the list as well.
          summary: run?.summary ?? null,
        });
      }
      case '/api/run': {
        const run = await this.#runs.lookedAt(query.get('run')!);
        return json(response, {
          ...(await runDetails(folder)),
          keys: Object.fromEntries(run?.config ?? []),
          goOn: run?.goOn,
        });
      }
      case '/api/report':
        return this.#report(folder, query, request, response);
      default:
        return nothing(response);
    }
  }

  /** Does what somebody asks who knows the token. */
  act(path: string, query: URLSearchParams, response: ServerResponse): void {
    const folder = this.#runs.folderOf(query.get('run') ?? '');
    const [, asked] = /^\/api\/(stop|checkpoint)$/.exec(path) ?? [];
    if (folder === undefined || asked === undefined) nothing(response);
    else if (isBeingTrained(folder)) {
      requestOf(folder, asked as AskedOfRun);
      response.writeHead(202).end();
    } else {
      response.writeHead(409, { 'content-type': 'application/json' }).end('{"problem":"nobody trains it now"}');
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#streams.close();
  }

  async #report(
    folder: string,
    query: URLSearchParams,
    { headers }: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const report = await this.#reports.read(folder, query.get('name') ?? '');
    if (!report) return nothing(response);
    response.setHeader('content-security-policy', reportPolicy(headers['sec-fetch-dest'] === 'iframe'));
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(report);
  }

  /** Looks what has changed, where somebody wants to know. */
  async #look(): Promise<void> {
    if (this.#isLooking || !this.#streams.isHeard) return;
    this.#isLooking = true;
    try {
      const changed = this.#runs.look();
      const grown = this.#looks++ % looksACurve === 0 ? this.#runs.lookAtCurves() : [];
      const { mtimeMs: written } = statSync(this.#runs.folder, { throwIfNoEntry: false }) ?? { mtimeMs: 0 };
      // A report beside the runs, say.
      if (this.#written !== undefined && written !== this.#written) this.#streams.tell('change', []);
      this.#written = written;
      await this.#tell({ change: new Set(changed), grown: new Set(grown) });
    } finally {
      this.#isLooking = false;
    }
  }

  /** A few at a time: many runs are summed up while others ask for curves. */
  async #tell(changes: Readonly<Record<ChangeKind, ReadonlySet<string>>>): Promise<void> {
    const all = [...new Set([...changes.change, ...changes.grown])];
    for (let i = 0; i < all.length; i += 20) {
      const some = all.slice(i, i + 20);
      await this.#runs.summarize(some);
      for (const kind of ['change', 'grown'] as const) {
        const names = some.filter((name) => changes[kind].has(name));
        if (names.length > 0) this.#streams.tell(kind, names);
      }
    }
  }
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

const nothing = (response: ServerResponse): void => void response.writeHead(404).end();

function numberOf(query: URLSearchParams, name: string, otherwise: number): number {
  const value = Number(query.get(name) ?? otherwise);
  return Number.isFinite(value) ? value : otherwise;
}
