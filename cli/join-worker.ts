/** A rank of `lockstep join` that is not the first: a worker that finds its coordinator, and finds it anew where that was started again. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockstepError, RefusedError, RunFailedError, WireError } from '../src/errors.js';
import { printableDeep } from '../src/ground/printable.js';
import { type Launch, rankName, rankText } from '../src/launch/launch.js';
import { firstReachable } from '../src/launch/reach.js';
import { type Notice, readNotice } from '../src/launch/rendezvous.js';
import { jsonLine } from '../src/report/json.js';
import { configName } from '../src/report/run-folder.js';
import { inJob } from '../src/wire/mpi/mpi-library.js';
import { mpi, transportNamed } from '../src/wire/transports.js';
import { urlTo } from '../src/wire/url.js';
import { work } from '../worker/worker.js';
import type { WorkerProgramEvent, WorkerReporter } from '../worker/worker-events.js';
import type { JoinRequest } from './join-request.js';
import { tellMistake } from './outcome.js';
import { startAgain, untilInterrupted } from './running.js';
import { workerLine } from './worker-text.js';

/** Milliseconds between two looks for the coordinator's word, and for which an address of it is tried. */
const [interval, patience] = [250, 3000];

/** What all ranks are to be given alike, in the place of remedies for workers: nobody prints a command here, and nobody writes an address. */
const sameForRanks: readonly (readonly [of: RegExp, remedy: string])[] = [
  [/^start the worker with the --token .*$/, 'give every rank the same LOCKSTEP_TOKEN, or none'],
  [
    /^give the certificate that the coordinator uses, .*$/,
    'give every rank the same --tls-cert and --tls-key, or by --tls-ca the authority that has signed all',
  ],
  [/\bor connect with wss?:.* TLS\b/, 'give every rank the same --tls-cert and --tls-key, or none'],
];

const wordForWord = 'every rank is to be given the same config and --set, word for word';

/** @param madePort whether the port that all come to is made from what they are given */
function forRanks(error: LockstepError, madePort: boolean): LockstepError {
  const remedy = sameForRanks.reduce((text, [of, same]) => text.replace(of, same), error.remedy);
  if (error instanceof WireError) return new WireError(error.problem, madePort ? `${remedy}; ${wordForWord}` : remedy);
  return error instanceof RefusedError ? new RefusedError(error.problem, remedy) : error;
}

/** What is worth a line beside those of rank 0. */
const told: readonly WorkerProgramEvent['event'][] = ['lost', 'warning', 'error'];

export async function joinAsWorker(launch: Launch, request: JoinRequest): Promise<void> {
  const { rank, host, endsAsOne } = launch;
  const tell = (event: WorkerProgramEvent) => {
    if (request.json) return void process.stdout.write(jsonLine({ ...event, rank, host }));
    const isWorth = told.includes(event.event) || (event.event === 'connecting' && event.seconds > 0);
    if (!isWorth) return;
    const lines = workerLine(printableDeep(event)).trimEnd().split('\n');
    process.stdout.write(lines.map((line) => `${rankText(rank, host)}: ${line}\n`).join(''));
  };
  // Where all end together, one that is told to leave has not failed: rank 0 is told so too, and says how it ends.
  const stopped = endsAsOne ? 0 : startAgain;
  await untilInterrupted({ said: () => {}, isScheduled: true }, async (signal) => {
    try {
      process.exitCode = (await new Follower(launch, request, tell, signal).run()) ?? stopped;
    } catch (error) {
      if (signal.aborted && error === signal.reason) {
        process.exitCode = stopped;
        return;
      }
      // Rank 0 says why, and whoever started the ranks goes by how that one ends.
      const isForFirst = error instanceof RunFailedError && (endsAsOne || request.isWatched);
      const madePort = request.meeting.notice === undefined && launch.coordinator?.port === undefined;
      const mine = error instanceof LockstepError ? forRanks(error, madePort) : error;
      if (!isForFirst || request.json) tellMistake(mine, tell);
      if (isForFirst) process.exitCode = 0;
      if (error instanceof WireError) process.exitCode = startAgain;
    }
  });
}

class Follower {
  readonly #launch: Launch;
  readonly #request: JoinRequest;
  readonly #tell: WorkerReporter;
  readonly #signal: AbortSignal;

  constructor(launch: Launch, request: JoinRequest, tell: WorkerReporter, signal: AbortSignal) {
    this.#launch = launch;
    this.#request = request;
    this.#tell = tell;
    this.#signal = signal;
  }

  /**
   * @returns the exit code; undefined where it has left before the run was over
   * @throws LockstepError when it finds no coordinator, or is not admitted
   */
  async run(): Promise<number | undefined> {
    const { url, token, notice } = this.#request.meeting;
    if (notice === undefined) return this.#work(await knownUrl(url!, this.#request), token!, this.#signal);
    for (;;) {
      const found = await this.#meet(notice);
      if (found.state === 'over') return this.#noRun(found);
      checkEncryption(found.urls[0], this.#request.tls !== undefined);
      const address = (await firstReachable(found.urls, patience)) ?? found.urls[0];
      const moved = new AbortController();
      const timer = setInterval(() => {
        const now = listeningNow(notice);
        if (now && now.id !== found.id) moved.abort();
      }, 4 * interval);
      try {
        const code = await this.#work(address, found.token, AbortSignal.any([this.#signal, moved.signal]));
        if (!moved.signal.aborted || this.#signal.aborted) return code;
      } finally {
        clearInterval(timer);
      }
    }
  }

  async #work(url: string, token: string, signal: AbortSignal): Promise<number | undefined> {
    const { threads, cache, timeout, ca, tls } = this.#request;
    const { rank: number, size, host } = this.#launch;
    const name = rankName(number, host);
    let isOver = false;
    const report: WorkerReporter = (event) => {
      isOver = event.event === 'end' && event.outcome === 'over';
      this.#tell(event);
    };
    await work({
      url,
      token,
      name,
      rank: { number, size },
      threads,
      cache,
      timeout,
      ca,
      peer: { tls },
      signal,
      report,
    });
    return isOver ? 0 : undefined;
  }

  /** Waits until rank 0 says where it listens, or that it does not. @throws WireError when that takes too long */
  async #meet(file: string): Promise<Exclude<Notice, { state: 'preparing' }>> {
    const { timeout } = this.#request;
    let sign: string | undefined;
    let heard = performance.now();
    for (;;) {
      const notice = readNotice(file);
      if (notice && notice.state !== 'preparing') return notice;
      const now = notice && `${notice.id} ${statSync(file, { throwIfNoEntry: false })?.mtimeMs}`;
      if (now !== sign) [sign, heard] = [now, performance.now()];
      if (timeout > 0 && performance.now() - heard > timeout * 1000) throw this.#unheard(file, notice?.host);
      await sleep(interval, undefined, { signal: this.#signal }).catch(() => this.#signal.throwIfAborted());
    }
  }

  #unheard(file: string, host: string | undefined): WireError {
    const { timeout } = this.#request;
    if (host !== undefined) {
      return new WireError(
        `rank 0 on ${host} has prepared, and given no sign of life for ${timeout} s`,
        'see what it says itself, and start the job again',
      );
    }
    return new WireError(
      `${rankText(0, this.#launch.hosts?.[0])} has left no word in ${file} for ${timeout} s`,
      `see what it says itself; ${wordForWord}, and --out is to be on a file system that all nodes share, or LOCKSTEP_TOKEN set and --coordinator given; a longer --timeout waits on`,
    );
  }

  #noRun({ host, exitCode, message, remedy }: Extract<Notice, { state: 'over' }>): number {
    if (exitCode === 0) return 0;
    this.#tell({
      event: 'error',
      code: 'LOCKSTEP_REFUSED',
      message: `rank 0 on ${host} could not begin: ${message}`,
      remedy,
    });
    return exitCode;
  }
}

/** @param mine whether this rank has a certificate. @throws RefusedError when rank 0 at that address does otherwise */
function checkEncryption(url: string, mine: boolean): void {
  if (url.startsWith('wss:') === mine) return;
  const problem = mine
    ? 'this rank has a certificate, and rank 0 has none'
    : 'rank 0 has a certificate, and this rank has none';
  throw new RefusedError(problem, 'give every rank the same --tls-cert and --tls-key, or none');
}

/**
 * Where all ranks know the address, and none says by what transport it is reached: the config does. Without a copy of that here, all
 * goes by sockets; what is wrong with it is told by rank 0.
 */
async function knownUrl(address: string, { file, resume, set, tls }: JoinRequest): Promise<string> {
  // It encrypts nothing.
  if (tls) return urlTo(address, transportNamed('websocket').schemes, true);
  if (!inJob()) return address;
  // Late, because reading a config takes longer to load than what most ranks need.
  const { loadRunConfig } = await import('../src/config/load-config.js');
  try {
    const { cluster } = loadRunConfig(resume === undefined ? file! : join(resume, configName), set);
    return cluster.transport === 'mpi' ? urlTo(address, mpi.schemes, false) : address;
  } catch (error) {
    if (error instanceof LockstepError) return address;
    throw error;
  }
}

function listeningNow(file: string): Notice | undefined {
  try {
    const notice = readNotice(file);
    return notice?.state === 'listening' ? notice : undefined;
  } catch (error) {
    // Not to be trusted, so not to be followed.
    if (error instanceof LockstepError) return undefined;
    throw error;
  }
}
